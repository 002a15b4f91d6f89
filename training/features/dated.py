"""What dates and times share."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeVar

import polars as pl

from molino.contracts.features.dated import Dated
from molino.contracts.moments import code_of, format_of, hint_for_clock, moment_in
from training.features.base import Known, Rule
from training.features.calendar import fit_calendar
from training.features.coded import CodedType, read_each
from training.features.fitted import Fitted, Float32Array

AnyDated = TypeVar("AnyDated", bound=Dated)


class DatedType(CodedType[AnyDated]):
    """Dates and times: read by one rule, kept as such, and given to candidates as numbers of the calendar.

    Their codes are whole steps of `Dated.hours` since 2000-01-01.
    """

    def hint(self, cell: str) -> str:
        """Return the format that reads the cell."""
        if self.feature.format is not None:
            iso = moment_in(cell) is not None
            return f"; format is {self.feature.format!r}" + (", and without it this is a date" if iso else "")
        form = format_of([cell])
        if form:
            return f"; set format: {form!r} (or as the cells are written) for the feature"
        return hint_for_clock(cell)

    def accepts(self, dtype: pl.DataType) -> bool:
        """Tell whether it has dates or times, or numbers that a format reads."""
        return (dtype.is_temporal() and dtype not in (pl.Time, pl.Duration)) or (
            dtype.is_numeric() and self.feature.format is not None
        )  # fmt: skip

    def taken(self, dtype: pl.DataType) -> pl.Expr:
        """Return moments in UTC, or the text of numbers."""
        if dtype.is_numeric():
            whole = self.column.is_finite() & (self.column == self.column.round())
            return pl.when(whole).then(self.column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(
                self.column.cast(pl.String)
            )  # fmt: skip
        column = self.column
        if getattr(dtype, "time_zone", None) is not None:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return column.cast(pl.Datetime("us"))

    def parsed(self, dtype: pl.DataType) -> pl.Expr:
        """Return moments; each different text is read once."""
        if dtype == pl.String:
            form, moments = self.feature.format, pl.Datetime("us")
            return self.column.map_batches(
                lambda cells: read_each(cells, lambda cell: moment_in(cell, form), moments), return_dtype=moments
            )
        return self.column.cast(pl.Datetime("us"))

    def faults(self) -> Iterator[Rule]:
        """Yield what makes it no date of the feature's range."""
        yield from super().faults()
        if self.feature.earliest is not None:
            yield Rule(self.name, f"before {self.feature.minimum}", self.column < self.feature.earliest)
        if self.feature.latest is not None:
            yield Rule(self.name, f"after {self.feature.maximum}", self.column > self.feature.latest)

    def described(self, rows: int, missing: int) -> Any:
        """Return the profile, whose numbers are codes."""
        unit = "days since 2000-01-01" if self.feature.hours > 1 else "hours since 2000-01-01"
        return super().described(rows, missing).model_copy(update={"unit": unit, "moving": True})

    def fit(self, index: int, codes: Float32Array, known: Known) -> Fitted:
        """Fit the numbers of the calendar."""
        del known
        feature = self.feature
        return fit_calendar(
            index, self.name, feature.missing == "impute", codes, feature.hours, feature.parts, feature.cyclic,
            code_of(moment_in(feature.reference) or datetime.min, 24),
        )  # fmt: skip
