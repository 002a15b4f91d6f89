"""Times of a day."""

import polars as pl

from molino.contracts.clock import clock_format_of, clock_in
from molino.contracts.features.time import Time
from molino.contracts.moments import hint_for_date
from training.features.base import Known
from training.features.clock import fit_clock
from training.features.coded import CodedType, read_each
from training.features.fitted import Fitted, Float32Array
from training.profiles.profile import ColumnProfile


class TimeType(CodedType[Time]):
    """Times of a day: read by one rule, kept as such, and given to candidates by where on the clock they are.

    Their codes are whole seconds since midnight.
    """

    expected = Time.written

    def hint(self, cell: str) -> str:
        """Return the key that has the cell read."""
        if self.feature.format is not None:
            usual = clock_in(cell) is not None
            return f"; format is {self.feature.format!r}" + (", and without it this is a time" if usual else "")
        form = clock_format_of([cell])
        if form:
            return f"; set format: {form!r} (or as the cells are written) for the feature"
        return hint_for_date(cell) or "; set format where cells are written otherwise, or source.missing for no value"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Tell whether it has times of a day."""
        return dtype == pl.Time

    def parsed(self, dtype: pl.DataType) -> pl.Expr:
        """Return times; each different text is read once."""
        if dtype != pl.String:
            return self.column
        form = self.feature.format
        return self.column.map_batches(
            lambda cells: read_each(cells, lambda cell: clock_in(cell, form), pl.Time()), return_dtype=pl.Time()
        )

    def clean_type(self) -> pl.DataType:
        """Return times."""
        return pl.Time()

    def described(self, rows: int, missing: int) -> ColumnProfile:
        """Return the profile, whose numbers are codes."""
        return super().described(rows, missing).model_copy(update={"unit": "seconds since midnight"})

    def fit(self, index: int, codes: Float32Array, known: Known) -> Fitted:
        """Fit the place on the clock."""
        del known
        return fit_clock(index, self.name, self.feature.missing == "impute", codes, self.feature.cyclic)
