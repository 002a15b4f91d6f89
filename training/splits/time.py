"""A split by time: the past trains, the next share stops and chooses, what came last judges."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from molino.contracts.splits import SplitIdentity
from training.splits.contract import TEST, TRAIN, VALIDATION, Boundaries, Parts, Placement, SplitKind
from training.splits.cuts import between, nearest

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
WITH_ZONE = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z")


class Time(SplitKind):
    """Positions are numbers, or microseconds since 1970 in UTC; the last are test rows."""

    ordered = True

    unit = "rows of one time"

    def faults(self, column: "pl.Expr") -> Iterator[tuple[str, "pl.Expr"]]:
        """Yield what can be wrong with the column: no value, or neither number nor date."""
        yield from super().faults(column)
        problem = "neither a number nor a date such as 2026-01-31 (a feature of type date has a format for others)"
        yield problem, column.is_not_null() & moment(column).is_null()

    def forms(self, column: "pl.Expr") -> Iterator[tuple[str, "pl.Expr"]]:
        """Yield numbers and dates, which have no order among them."""
        yield "numbers", _number(column).is_not_null()
        yield "dates", _number(column).is_null() & moment(column).is_not_null()

    def form(self, identity: SplitIdentity, rows: "pl.DataFrame") -> str | None:
        """Return whether rows have numbers or dates."""
        import polars as pl

        (name,) = identity.columns
        column = rows[name].head(1)
        if column.dtype == pl.String:
            forms = rows.head(1).select(present.alias(form) for form, present in self.forms(pl.col(name)))
            return next((one.name for one in forms if one.any()), None)
        return "dates" if column.dtype.is_temporal() else "numbers"

    def positions(self, identity: SplitIdentity, rows: "pl.DataFrame") -> NDArray[np.float64]:
        """Return when each row is."""
        import polars as pl

        (name,) = identity.columns
        column = rows[name]
        if column.dtype == pl.String:
            return rows.select(moment(pl.col(name))).to_series().to_numpy()
        if column.dtype.is_temporal():
            column = column.cast(pl.Datetime("us")).cast(pl.Int64)
        return column.cast(pl.Float64).to_numpy()

    def boundaries(self, identity: SplitIdentity, placement: Placement) -> Boundaries:
        """Lay the two cuts where validation and test rows begin, each at the first time of its part."""
        different, counts = np.unique(placement.positions, return_counts=True)
        if len(different) < 3:
            return {identity.columns[0]: (float(different[-1]), float(different[-1]))}
        ends, most = np.cumsum(counts), len(different) - 1
        test = nearest(ends, (1 - identity.test) * ends[-1], 2, most)
        validation = nearest(ends, (1 - identity.test - identity.validation) * ends[-1], 1, test - 1)
        return {identity.columns[0]: (float(different[validation]), float(different[test]))}

    def parts(self, identity: SplitIdentity, placement: Placement) -> Parts:
        """Cut at the boundaries."""
        validation, test = identity.boundaries[identity.columns[0]]
        when = placement.positions
        return np.where(when >= test, TEST, np.where(when >= validation, VALIDATION, TRAIN)).astype(np.uint8)

    def folds(self, placement: Placement, count: int) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Go forward: of count + 1 spans of time, each but the first judges what was trained on those before it.

        Of fewer times there are as many spans, of a single one a fold without rows.
        """
        different, rows = np.unique(placement.positions, return_counts=True)
        count = min(count, len(different) - 1)
        if count < 1:
            nothing = np.zeros(len(placement.positions), np.bool_)
            return [(nothing, nothing)]
        ends, cuts, taken = np.cumsum(rows), [], 0
        for span in range(1, count + 1):
            taken = nearest(ends, span / (count + 1) * ends[-1], taken + 1, len(different) - count - 1 + span)
            cuts.append(between(different, taken))
        when, ends_of = placement.positions, [*cuts[1:], np.inf]
        return [(when < low, (when >= low) & (when < high)) for low, high in zip(cuts, ends_of, strict=True)]


def moment(text: "pl.Expr") -> "pl.Expr":
    """Return when a text says it is: the number that it is, or the microseconds since 1970 of its date; else null.

    A date begins with a year of four figures: of 05/03/21 nobody can say which part is the year.
    """
    import polars as pl

    whole = pl.when(text.str.contains(r"^[0-9]{4}[-/]")).then(text)
    bare = whole.str.replace_all("/", "-", literal=True).str.replace("[Tt]", " ").str.replace("[Zz]$", "+00:00")
    local = [bare.str.to_datetime(form, time_unit="us", strict=False) for form in FORMATS]
    zoned = [
        bare.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False).dt.replace_time_zone(None)
        for form in WITH_ZONE
    ]
    dates = pl.coalesce(*local, *zoned).cast(pl.Int64).cast(pl.Float64)
    return pl.coalesce(_number(text), dates)


def _number(text: "pl.Expr") -> "pl.Expr":
    import polars as pl

    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)
