"""True or false."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from molino.contracts.features.boolean import TRUTH, Boolean
from molino.contracts.release import Reference
from training.features.base import FeatureType, Known
from training.features.fitted import Fitted, Float32Array
from training.features.scaled import fit_scaled
from training.profiles.profile import Counts, Measure
from training.profiles.reference import counted_reference


class BooleanType(FeatureType[Boolean]):
    """True or false, counted like a category and scaled like a number."""

    expected = "true or false"
    few_values = True

    def hint(self, cell: str) -> str:
        """Return which type takes other words."""
        del cell
        return "; type: category takes any words"

    def accepts(self, dtype: pl.DataType) -> bool:
        """Tell whether it has truth values, or numbers for them."""
        return dtype.is_numeric() or dtype == pl.Boolean

    def parsed(self, dtype: pl.DataType) -> pl.Expr:
        """Return truth values."""
        if dtype == pl.String:
            return self.column.str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Boolean)
        if dtype.is_float():
            return pl.when(self.column.is_in([0.0, 1.0])).then(self.column == 1)
        return self.column

    def clean_type(self) -> pl.DataType:
        """Return truth values."""
        return pl.Boolean()

    def measure(self) -> Measure:
        """Return what counts the values."""
        return Counts()

    def reference(self, present: NDArray[np.float64], rows: int, known: Known) -> Reference:
        """Return how many are false and true."""
        del known
        return counted_reference(("false", "true"), present, rows)

    def codes(self, column: pl.Series, known: Known) -> Float32Array:
        """Return 0 and 1."""
        del known
        return column.cast(pl.Float64).to_numpy().astype(np.float32)

    def fit(self, index: int, codes: Float32Array, known: Known) -> Fitted:
        """Fit median, mean and spread."""
        del known
        return fit_scaled(index, self.name, self.feature.missing == "impute", codes, whole=True)
