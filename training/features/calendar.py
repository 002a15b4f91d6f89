"""Dates and times fitted to training rows: the numbers of the calendar, by whole arithmetic and small tables alone.

The arithmetic counts days from the first of March of the year 0, so that a leap day ends its year (Richards,
"Calendars", in Explanatory Supplement to the Astronomical Almanac, 2013). It is the same in numpy and in a graph.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.moments import ORIGIN, of_code
from training.features.fitted import Derived, Float32Array, Nodes

Table = NDArray[np.float32]
Numbers = Mapping[str, NDArray[np.float64]]
"""Part to its number for each row, or for each row of a table."""

DAYS_BEFORE = ORIGIN.toordinal() + 305
"""Days from the first of March of the year 0 to 2000-01-01."""
DAYS_OF_4_CENTURIES, DAYS_OF_4_YEARS, YEAR_DAYS = 146_097, 1_461, 366
WEEKDAY_BEFORE = 2
"""The weekday of the first of March of the year 0, Monday being 0."""
FLOAT, INT64 = 1, 7
"""Types of ONNX."""
PERIODS: Mapping[str, float] = {"month": 12, "day": 31, "weekday": 7, "day_of_year": 365.25, "hour": 24}
"""After how many steps a part begins again."""
COUNTED = ("age", "year")
"""Parts that go on for ever."""
OF_YEAR = ("month", "day", "day_of_year")


def _year_table() -> Numbers:
    """Return the parts of each day of a year that begins in March; those of leap years after the others."""
    days = [date(year, 3, 1) + timedelta(days=day) for year in (2001, 2004) for day in range(YEAR_DAYS)]
    leap = np.repeat([0, 1], YEAR_DAYS)
    after_new_year = np.array([day.month < 3 for day in days])
    # The last day of a year that begins in March is the leap day of the next one, whichever this one is.
    leap_day = np.tile(np.arange(YEAR_DAYS) == YEAR_DAYS - 1, 2)
    before = np.where(after_new_year | leap_day, -305, 60 + leap)
    return {
        "month": np.where(leap_day, 2, [day.month for day in days]).astype(np.float64),
        "day": np.where(leap_day, 29, [day.day for day in days]).astype(np.float64),
        "day_of_year": np.tile(np.arange(YEAR_DAYS), 2) + before.astype(np.float64),
        "next": (after_new_year | leap_day).astype(np.float64),
    }


YEAR = _year_table()
WEEK: Numbers = {"weekday": (np.arange(7.0) + WEEKDAY_BEFORE) % 7}
DAY: Numbers = {"hour": np.arange(24.0)}
LEAP_YEARS = np.array([YEAR_DAYS * (not year % 4 and (year % 100 > 0 or not year % 400)) for year in range(400)])
"""Where in the table of the year the days of each of 400 years begin."""


@dataclass(frozen=True)
class Calendar(Derived):
    """A date or time, imputed by the median, as numbers of the calendar: as they are, or scaled and cyclic."""

    hours: int
    """Hours of a step of the codes."""
    parts: tuple[str, ...]
    cyclic: bool
    reference: int
    """Days from 2000-01-01 to what age is counted from."""
    median: np.float32
    low: float
    high: float
    means: Mapping[str, float]
    """Part to its mean over the training rows."""
    factors: Mapping[str, float]
    """Part to 1 / its standard deviation, or to 1 where that is 0."""

    has_codes = False

    @cached_property
    def ordered(self) -> tuple[str, ...]:
        """The parts in the order of their columns: counted ones, those of the year, of the week, of the day."""
        return tuple(part for part in (*COUNTED, *OF_YEAR, "weekday", "hour") if part in self.parts)

    @property
    def width(self) -> int:
        """Columns of the dense form: two of a cyclic part, one of any other."""
        return sum(1 + self._turns(part) for part in self.ordered)

    def drawn(self, rng: np.random.Generator, count: int) -> Float32Array:
        """Draw over the range of the training rows."""
        return rng.integers(int(self.low), int(self.high) + 1, count).astype(np.float32)

    def input(self, codes: Float32Array) -> NDArray[Any]:
        """Return the codes."""
        return np.ascontiguousarray(codes)

    def readable(self, code: float) -> float | str:
        """Return the date or time as ISO 8601 has it."""
        return of_code(code, self.hours).isoformat()

    def numbers(self, codes: Float32Array) -> Float32Array:
        """Return codes [n] as the numbers of their parts, [n, parts]; NaN where missing."""
        found = self._encoded(codes, self._plain)
        found[np.isnan(codes)] = np.nan
        return found

    def dense(self, codes: Float32Array) -> Float32Array:
        """Return codes [n] as columns for networks and linear models, [n, width]."""
        return self._encoded(codes, self._scaled)

    def export_numbers(self, graph: Nodes) -> str:
        """Add the nodes of `numbers` and return their output."""
        found = self._export(graph, self._plain)
        if not self.imputed:
            return found
        gaps = graph.node("IsNaN", [self.name], f"columns/{self.name}/unknown")
        gaps = graph.node("Reshape", [gaps, self._one_column(graph)], f"columns/{self.name}/no_numbers")
        nothing = graph.constant(f"columns/{self.name}/nothing", np.float32(np.nan))
        return graph.node("Where", [gaps, nothing, found], f"columns/{self.name}/known")

    def export_dense(self, graph: Nodes) -> str:
        """Add the nodes of `dense` and return their output."""
        return self._export(graph, self._scaled)

    def _turns(self, part: str) -> bool:
        return self.cyclic and part in PERIODS

    def _plain(self, part: str, values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return the column of a part: its number."""
        del part
        return [values]

    def _scaled(self, part: str, values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return the columns of a part: sine and cosine, or its number normalised."""
        if self._turns(part):
            turned = values * (2 * np.pi / PERIODS[part])
            return [np.sin(turned), np.cos(turned)]
        return [(values - self.means[part]) * self.factors[part]]

    def _tables(self, encode: "Encode") -> list[tuple[str, Table]]:
        """Return the table of each cycle with the columns of its parts; of those that have any."""
        cycles = {"year": (YEAR, OF_YEAR), "week": (WEEK, ("weekday",)), "day": (DAY, ("hour",))}
        found = []
        for cycle, (numbers, names) in cycles.items():
            columns = [column for part in names if part in self.parts for column in encode(part, numbers[part])]
            if columns:
                found.append((cycle, np.stack(columns, axis=1).astype(np.float32)))
        return found

    def _line(self, part: str, encode: "Encode") -> tuple[np.float32, np.float32]:
        """Return by which 32-bit factor and offset a counted part, a whole number, becomes its column."""
        (zero, one) = encode(part, np.array([0.0, 1.0]))[0]
        return np.float32(one - zero), np.float32(self._centre(part) + zero / (one - zero))

    def _centre(self, part: str) -> int:
        """Return the whole number that is taken off a counted part first, so that 32 bits are enough after it."""
        return round(self.means[part])

    def _encoded(self, codes: Float32Array, encode: "Encode") -> Float32Array:
        steps = np.where(np.isnan(codes), self.median, codes).astype(np.int64) + DAYS_BEFORE * (24 // self.hours)
        days, hours = steps // (24 // self.hours), steps % (24 // self.hours)
        year, place = _years(days)
        counted = {"age": days - (DAYS_BEFORE + self.reference), "year": year + YEAR["next"][place].astype(np.int64)}
        columns = [self._on_line(part, counted[part], encode)[:, None] for part in COUNTED if part in self.parts]
        at = {"year": place, "week": days % 7, "day": hours}
        return np.concatenate([*columns, *(table[at[cycle]] for cycle, table in self._tables(encode))], axis=1)

    def _on_line(self, part: str, values: NDArray[np.int64], encode: "Encode") -> Float32Array:
        factor, offset = self._line(part, encode)
        centred: Float32Array = ((values - self._centre(part)).astype(np.float32) + offset) * factor
        return centred

    def _one_column(self, graph: Nodes) -> str:
        return graph.constant(f"columns/{self.name}/one_column", np.array([-1, 1], np.int64))

    def _export(self, graph: Nodes, encode: "Encode") -> str:
        """Add the nodes of `_encoded`."""
        whole = _WholeNodes(graph, f"columns/{self.name}")
        codes = self.name
        if self.imputed:
            median = graph.constant(f"columns/{self.name}/median", self.median)
            gaps = graph.node("IsNaN", [codes], f"columns/{self.name}/gaps")
            codes = graph.node("Where", [gaps, median, codes], f"columns/{self.name}/filled")
        per_day = 24 // self.hours
        days = graph.node("Cast", [codes], f"columns/{self.name}/code", to=INT64)
        days = whole("Add", days, DAYS_BEFORE * per_day, "steps")
        at: dict[str, str] = {}
        if "hour" in self.parts:
            at["day"] = whole("Mod", days, per_day, "hour")
        if per_day > 1:
            days = whole("Div", days, per_day, "days")
        if "weekday" in self.parts:
            at["week"] = whole("Mod", days, 7, "weekday")
        counted = {"age": days}
        if {"year", *OF_YEAR} & set(self.parts):
            year, at["year"] = _year_nodes(whole, days)
            following = graph.constant(f"columns/{self.name}/next", YEAR["next"].astype(np.int64))
            counted["year"] = whole.add(
                year, graph.node("Gather", [following, at["year"]], f"{whole.name}/next_year"), "year"
            )
        columns = [self._line_nodes(whole, part, counted[part], encode) for part in COUNTED if part in self.parts]
        for cycle, table in self._tables(encode):
            constant = graph.constant(f"columns/{self.name}/{cycle}_table", table)
            columns.append(graph.node("Gather", [constant, at[cycle]], f"columns/{self.name}/of_{cycle}"))
        return columns[0] if len(columns) == 1 else graph.node("Concat", columns, f"columns/{self.name}/parts", axis=1)

    def _line_nodes(self, whole: "_WholeNodes", part: str, counted: str, encode: "Encode") -> str:
        graph, name = whole.graph, f"{whole.name}/{part}"
        factor, offset = self._line(part, encode)
        zero = self._centre(part) + (DAYS_BEFORE + self.reference if part == "age" else 0)
        centred = graph.node("Cast", [whole("Sub", counted, zero, f"{part}/whole")], f"{name}/centred", to=FLOAT)
        moved = graph.node("Add", [centred, graph.constant(f"{name}/offset", offset)], f"{name}/moved")
        scaled = graph.node("Mul", [moved, graph.constant(f"{name}/factor", factor)], f"{name}/scaled")
        return graph.node("Reshape", [scaled, self._one_column(graph)], f"{name}/column")


Encode = Callable[[str, NDArray[np.float64]], list[NDArray[np.float64]]]
"""From a part and its numbers to the columns that a candidate is given."""


def _years(days: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the year in whose March a year began that holds each day, and the day's place in the table of the year."""
    centuries = (4 * days + 3) // DAYS_OF_4_CENTURIES
    julian = days + centuries - centuries // 4
    year = (4 * julian + 3) // DAYS_OF_4_YEARS
    return year, julian - DAYS_OF_4_YEARS * year // 4 + LEAP_YEARS[year % 400]


def _year_nodes(whole: "_WholeNodes", days: str) -> tuple[str, str]:
    """Add the nodes of `_years`."""
    centuries = whole("Div", whole("Add", whole("Mul", days, 4, "four_days"), 3, "of_4_centuries"),
                      DAYS_OF_4_CENTURIES, "centuries")  # fmt: skip
    leapless = whole.subtract(centuries, whole("Div", centuries, 4, "four_centuries"), "leapless")
    julian = whole.add(days, leapless, "julian")
    year = whole("Div", whole("Add", whole("Mul", julian, 4, "four_julian"), 3, "of_4_years"), DAYS_OF_4_YEARS, "years")
    begins = whole("Div", whole("Mul", year, DAYS_OF_4_YEARS, "days_of_4_years"), 4, "begins")
    leap = whole.graph.constant(f"{whole.name}/leap_years", LEAP_YEARS.astype(np.int64))
    table = whole.graph.node("Gather", [leap, whole("Mod", year, 400, "of_400")], f"{whole.name}/table")
    return year, whole.add(whole.subtract(julian, begins, "day_of_its_year"), table, "place")


@dataclass(frozen=True)
class _WholeNodes:
    """Adds nodes of 64-bit integers, which are never negative, so that a graph divides them as Python does."""

    graph: Nodes
    name: str

    def __call__(self, kind: str, left: str, right: int, output: str) -> str:
        """Add a node of a number and a constant."""
        constant = self.graph.constant(f"{self.name}/{output}/by", np.int64(right))
        return self.graph.node(kind, [left, constant], f"{self.name}/{output}")

    def add(self, left: str, right: str, output: str) -> str:
        """Add a sum."""
        return self.graph.node("Add", [left, right], f"{self.name}/{output}")

    def subtract(self, left: str, right: str, output: str) -> str:
        """Add a difference."""
        return self.graph.node("Sub", [left, right], f"{self.name}/{output}")


def fit_calendar(
    index: int,
    name: str,
    imputed: bool,
    codes: Float32Array,
    hours: int,
    parts: Sequence[str],
    cyclic: bool,
    reference: int,
) -> Calendar:
    """Fit a date or time to training rows; `reference` is what age counts from, in days from 2000-01-01."""
    present = codes[~np.isnan(codes)]
    if not len(present):
        present = np.zeros(1, np.float32)
    median = np.float32(np.round(np.median(present)))
    found = Calendar(
        index=index,
        name=name,
        imputed=imputed,
        hours=hours,
        parts=tuple(parts),
        cyclic=cyclic,
        reference=reference,
        median=median,
        low=float(present.min()),
        high=float(present.max()),
        means=dict.fromkeys(parts, 0.0),
        factors=dict.fromkeys(parts, 1.0),
    )
    numbers = found.numbers(np.where(np.isnan(codes), median, codes).astype(np.float32)).astype(np.float64)
    means, spreads = numbers.mean(axis=0), numbers.std(axis=0)
    factors = np.where(spreads > 0, 1 / np.where(spreads > 0, spreads, 1), 1)
    return replace(
        found,
        means=dict(zip(found.ordered, means.tolist(), strict=True)),
        factors=dict(zip(found.ordered, factors.tolist(), strict=True)),
    )
