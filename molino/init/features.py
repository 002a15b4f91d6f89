"""What a column is good for: a feature of some type, or nothing, and why."""

import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Any

from molino.contracts.clock import clock_in
from molino.contracts.features.base import number_in
from molino.contracts.features.integer import LARGEST
from molino.contracts.moments import format_of, moment_in
from molino.contracts.numerals import hint_for
from molino.contracts.part import HEADER_PATTERN
from molino.contracts.tidy import shown
from molino.contracts.words import words_of
from molino.init.column import LENGTH_NAME, MOST_COUNTED, WHOLE_DATE, Column, Dated

ID_NAME = re.compile(
    r"(.*[ _.-])?(id|uuid|guid|idx|index|key|rowid|rownames?|row[ _.]?names?)|[a-z].*(ID|Id)", re.DOTALL
)
MOST_LISTED = 12
"""Values of a category that are listed; more are learnt from the training rows."""
FEW_VALUES = 20
"""Different texts up to which a column is a category, however few rows there are."""
FLOAT32_MAXIMUM = 3.4e38
LARGEST_ASKED = 1e30
"""The greatest number of a request, as serving has it."""
SMALLEST_SPAN = 1e-300
"""Below it a hundredth of it may be no number any more."""
LOOKED_AT = 5000
"""Texts whose words are counted."""
LEAST_WORDS = 3
"""Of the middle one of a column's texts: with fewer they are rather names."""
AGAIN = 0.02
"""Share of the texts that have a word which comes again and again, and of those that lack it."""
LEAST_OFTEN = 5
"""Such words of a column of texts, and the texts that have one."""

DATES_LOOKED_AT = 200
"""Different texts that are tried as dates, each by itself."""
DATE_CHARACTERS = len("2026-01-31")


@dataclass(frozen=True)
class Chosen:
    """A feature: its keys in the model file, without its name, and what was seen of its column."""

    header: str
    keys: dict[str, Any]
    seen: str
    orders_rows: bool = False
    """Whether it is a date or time that every row has."""


@dataclass(frozen=True)
class LeftOut:
    """A column that is no feature."""

    header: str
    reason: str


def choose(column: Column) -> Chosen | LeftOut:
    """Return the feature that a column makes, or why it makes none."""
    reason = _no_feature(column)
    if reason:
        return LeftOut(column.header, reason)
    keys, seen = _typed(column)
    if column.missing:
        keys["missing"] = "impute"
        seen += f", {column.gaps}"
    return Chosen(column.header, keys, seen, orders_rows=column.dated is not None and not column.missing)


def _no_feature(column: Column) -> str | None:
    if column.dtype is not None:
        seconds = ": write it as a number of seconds" if column.dtype.startswith("Duration") else ""
        return f"its type is {column.dtype}, which is no feature{seconds}"
    if not column.present:
        return "it has no value in any row"
    if column.different == 1 and (column.missing == 0 or column.numeric):
        value = shown(next(iter(column.counted)))
        return "it has one value and gaps" if column.missing else f"all rows have {value}"
    if column.row_numbers:
        return "it numbers the rows"
    if column.own_in_each_row and ID_NAME.fullmatch(column.header) and (not column.numeric or column.whole):
        return "it is an id, another in each row"
    if column.numeric and max(abs(column.low), abs(column.high)) > LARGEST_ASKED:
        return f"its numbers go beyond {LARGEST_ASKED:g}, the largest that a request may hold; change their unit"
    if column.numeric or column.dated or column.clock:
        return None
    if _texts(column) and not _words(column):
        return (
            no_numbers(column)
            or _no_dates(column)
            or no_lengths(column)
            or _written_otherwise(column)
            or (f"its numbers have a unit: source.symbols: [{column.unit}] takes it off" if column.unit else None)
            or f"it is free text or an id: {column.different} different texts in {column.present} rows"
        )
    return None


def no_numbers(column: Column) -> str | None:
    """Return what keeps a column from being numbers, which half of its values are; none where they aren't."""
    if column.no_number is None or column.numbers * 2 < column.present:
        return None
    row, text = column.no_number
    return (
        f"{column.present - column.numbers} of its {column.present} values are no number, the first {shown(text)} in "
        f"row {row}{hint_for(text)}; source.missing lists what stands for no value"
    )


def _written_otherwise(column: Column) -> str | None:
    """Return what keeps numbers of other rules than the table's from being read; none of what are no numbers."""
    if not all(number_in(text) is not None or hint_for(text) for text in column.counted):
        return None
    text = next(text for text in column.counted if number_in(text) is None)
    return f"its numbers are written otherwise than others, as {shown(text)}{hint_for(text)}"


def _no_dates(column: Column) -> str | None:
    """Return what keeps a column from being dates, which most of its values are; none where they aren't."""
    texts = list(islice(column.counted, DATES_LOOKED_AT))
    forms = [None if moment_in(text) else format_of([text]) for text in texts]
    dates = [(text, form) for text, form in zip(texts, forms, strict=True) if form or moment_in(text)]
    if len(dates) * 2 <= len(texts):
        beginnings = sum(moment_in(text[:DATE_CHARACTERS]) is not None for text in texts)
        return f"most of its values begin with a date, and go on otherwise: {shown(texts[0])}" if (
            beginnings * 2 > len(texts)
        ) else None  # fmt: skip
    first, form = dates[0]
    other = next((text for text in column.counted if moment_in(text, form) is None), first)
    return f"most of its values are dates, but not all in one format: {shown(first)}, {shown(other)}"


def no_lengths(column: Column) -> str | None:
    """Return what keeps a column of lengths of time from being numbers; none where it holds something else."""
    if not column.lengths_of_time:
        return None
    return f"it holds lengths of time, such as {shown(next(iter(column.counted)))}: write them as numbers of seconds"


def in_one_line(value: str) -> bool:
    """Tell whether a model file can list a value."""
    return re.fullmatch(HEADER_PATTERN[1:-1], value) is not None


def _texts(column: Column) -> bool:
    """Tell whether most rows have a text of their own."""
    return column.different > FEW_VALUES and column.different * 2 > column.present


def _words(column: Column) -> int:
    """Return how many words tell many of its texts from many others; 0 of a column of names or ids."""
    rows, lengths = Counter[str](), []
    for text in islice(column.counted, LOOKED_AT):
        words = words_of(text).split()
        lengths.append(len(words))
        rows.update(word for word in set(words) if not word.isdecimal())
    few = max(LEAST_OFTEN, AGAIN * len(lengths))
    often = sum(few <= count <= len(lengths) - few for count in rows.values())
    return often if median(lengths) >= LEAST_WORDS and often >= LEAST_OFTEN else 0


def _typed(column: Column) -> tuple[dict[str, Any], str]:
    """Return type and values of a feature, and what was seen."""
    if column.truths:
        return {"type": "boolean"}, _counts(column)
    if column.dated:
        return _date(column.dated)
    if column.clock:
        (form,) = column.clock
        times = sorted(clock.isoformat() for text in column.counted if (clock := clock_in(text, form)))
        length = LENGTH_NAME.fullmatch(column.header) or any("." in clock for clock in times)
        doubt = "; taken as times of a day: lengths of time are to be numbers of seconds" if length else ""
        return {"type": "time"} | ({"format": form} if form else {}), f"{times[0]} to {times[-1]}{doubt}"
    if not column.numeric and _texts(column):
        return {"type": "text"}, f"{column.different} different texts, {_words(column)} words that come again and again"
    if not column.numeric:
        return _category(column)
    if column.codes and not _texts(column):
        keys, seen = _category(column)
        return keys, f"{seen}; codes by their leading zeros"
    seen = f"{_figure(column.low)} to {_figure(column.high)}"
    if column.no_number:
        row, text = column.no_number
        wrong = column.present - column.numbers
        seen += f", {wrong} no number, the first {shown(text)} in row {row}: these rows are set aside"
    seen += column.doubt + _coarse(column)
    integer = column.whole and max(abs(column.low), abs(column.high)) <= LARGEST
    low, high = range_around(column)
    bounds = (round(low), round(high)) if integer else (low, high)
    limits = {"minimum": bounds[0], "maximum": bounds[1]} if abs(high) < LARGEST_ASKED else {}
    return {"type": "integer" if integer else "number"} | limits, seen


def _coarse(column: Column) -> str:
    """Return what is to be said of numbers that 32-bit floats, in which graphs have them, hardly tell apart."""
    largest = max(abs(column.low), abs(column.high))
    step = 2.0 ** (math.floor(math.log2(largest)) - 23) if 0 < largest <= FLOAT32_MAXIMUM else 0.0
    if step <= column.deviation:
        return ""
    return f"; 32-bit floats step by {step:g} there: subtract a constant"


def _date(dated: Dated) -> tuple[dict[str, Any], str]:
    """Return a date without a range, which the rows of tomorrow would leave."""
    keys: dict[str, Any] = {"type": "datetime" if dated.timed else "date"}
    keys |= {"format": dated.form} if dated.form else {}
    shown = [moment.isoformat(timespec="minutes") for moment in (dated.first, dated.last)]
    doubt = "; days before months, which its values leave open" if dated.doubtful else ""
    doubt += "; whole numbers taken as dates, for each is one" if dated.form == WHOLE_DATE else ""
    return keys, " to ".join(text if dated.timed else text[:10] for text in shown) + doubt


def _category(column: Column) -> tuple[dict[str, Any], str]:
    keys: dict[str, Any] = {"type": "category", "unseen": "other"}
    doubt = no_lengths(column) or (_no_dates(column) if column.different > MOST_LISTED else None)
    if doubt:
        return keys, f"{column.different} values; {doubt}"
    if column.different <= MOST_LISTED and all(map(in_one_line, column.counted)):
        return keys | {"values": sorted(column.counted)}, _counts(column)
    commonest = column.counted.most_common(1)[0]
    return keys, f"{column.different} values, the commonest {commonest[0]!r} in {commonest[1]} rows"


def _counts(column: Column) -> str:
    most = column.counted.most_common(3)
    shown = ", ".join(f"{value!r} {count}" for value, count in most)
    return shown + (", …" if column.different > len(most) else "")


def range_around(column: Column) -> tuple[float, float]:
    """Return a range that leaves room for what other rows may have: as wide again on both sides, in round figures.

    What was never below 0, or above it, stays so, and shares of 1 or 100 stay below these.
    """
    span = max(column.high - column.low or abs(column.high) or 1.0, SMALLEST_SPAN)
    step = 10.0 ** math.floor(math.log10(span))
    low = math.floor(column.low / step - span / step) * step
    high = math.ceil(column.high / step + span / step) * step
    if column.low >= 0:
        low = max(low, 0.0)
        if column.high <= 1 and not column.whole:
            high = 1.0
    if column.high <= 0:
        high = min(high, 0.0)
    if column.whole and max(abs(column.low), abs(column.high)) <= LARGEST:
        low, high = max(low, -LARGEST), min(high, LARGEST)
    return _round_figure(low, step), _round_figure(high, step)


def _round_figure(number: float, step: float) -> float:
    """Return a multiple of a step without what binary fractions add to it."""
    digits = max(6, math.ceil(math.log10(abs(number) / step)) + 1) if number else 6
    return float(f"{number:.{min(digits, 17)}g}")


def _figure(number: float) -> str:
    return f"{number:.6g}"


def counted_in_full(column: Column) -> bool:
    """Tell whether each different value of a column was counted."""
    return len(column.counted) <= MOST_COUNTED
