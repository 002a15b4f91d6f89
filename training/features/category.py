"""One of a set of strings."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.features.category import Category
from molino.contracts.release import Reference
from training.features.base import FeatureType, Known, Rule
from training.features.fitted import Fitted, Float32Array, fit_one_hot
from training.profiles.profile import Counts, Measure
from training.profiles.reference import counted_reference

MOST_VALUES = 1000
"""Of a learnt category: each value is a column of the one-hot encoding."""


def float_as_text(column: pl.Expr) -> pl.Expr:
    """Return floats as a CSV would have them: whole numbers without a point, and null for NaN."""
    whole = column.is_finite() & (column == column.round()) & (column.abs() < 2**53)
    number = pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String))
    return number.otherwise(column.fill_nan(None).cast(pl.String))


class CategoryType(FeatureType[Category]):
    """One of a set of strings; its code is the position of its value in that set."""

    few_values = True
    dtype = "string"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Tell whether its values can be spelled as text."""
        return dtype.is_numeric() or dtype == pl.Boolean

    def taken(self, dtype: pl.DataType) -> pl.Expr:
        """Return strings: whole numbers without a point, and truth values as they are listed, such as True."""
        if dtype.is_float():
            return float_as_text(self.column)
        text = self.column.cast(pl.String)
        if dtype == pl.Boolean:
            listed = {value.lower(): value for value in self.feature.values or () if value.lower() in ("true", "false")}
            return text.replace(listed) if listed else text
        return text

    def faults(self) -> Iterator[Rule]:
        """Yield what makes it none of the listed values."""
        yield from super().faults()
        if self.feature.values and self.feature.unseen == "refuse":
            yield Rule(self.name, "not one of the listed values", ~self.column.is_in(self.feature.values))

    def clean_type(self) -> pl.DataType:
        """Return strings."""
        return pl.String()

    def measure(self) -> Measure:
        """Return what counts the values."""
        return Counts()

    def reference(self, present: NDArray[np.float64], rows: int, known: Known) -> Reference:
        """Return how often each known value comes; others are what the counts lack of `rows` - `missing`."""
        return counted_reference(known or (), present, rows)

    @property
    def learns(self) -> bool:
        """True where the model file lists no values."""
        return self.feature.values is None

    def known(self, seen: pl.DataFrame | None) -> Known:
        """Return the listed values, or those seen in alphabetical order; the most frequent ones, of too many."""
        if seen is None:
            return self.feature.values
        if len(seen) > MOST_VALUES and self.feature.unseen == "refuse":
            raise StepError(
                f"feature {self.name!r} has {len(seen)} values, more than {MOST_VALUES}; "
                "list its values or set unseen: other in the model file"
            )
        if not len(seen):
            raise StepError(f"feature {self.name!r} has no value in any training row; take it out of the model file")
        kept = seen.sort(["rows", "value"], descending=[True, False]).head(MOST_VALUES)
        return tuple(sorted(kept["value"]))

    def codes(self, column: pl.Series, known: Known) -> Float32Array:
        """Return positions in the known values, their number for any other."""
        return value_positions(column, known or ())

    def fit(self, index: int, codes: Float32Array, known: Known) -> Fitted:
        """Fit the one-hot columns."""
        imputed, other = self.feature.missing == "impute", self.feature.unseen == "other"
        return fit_one_hot(index, self.name, imputed, codes, known or (), other)


def value_positions(column: pl.Series, known: tuple[str, ...]) -> Float32Array:
    """Return the positions of strings in the known values, their number for any other, NaN where missing."""
    codes = column.cast(pl.String).replace_strict(
        list(known), list(range(len(known))), default=len(known), return_dtype=pl.Float32
    )
    return np.where(column.is_null().to_numpy(), np.float32(np.nan), codes.to_numpy()).astype(np.float32)
