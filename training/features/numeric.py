"""What all numbers share, whole ones or not."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from molino.contracts.moments import hint_for_date
from molino.contracts.numerals import hint_for
from molino.contracts.release import Reference
from training.features.base import AnyFeature, FeatureType, Known, Rule
from training.features.fitted import Fitted, Float32Array
from training.features.scaled import fit_scaled
from training.profiles.profile import Measure, Spread
from training.profiles.reference import measured_reference

FLOAT32_MAXIMUM = 3.4028234663852886e38


class NumericType(FeatureType[AnyFeature]):
    """Numbers: parsed, kept within 32 bits and a range, and scaled."""

    expected = "a number"
    reads_numbers = True
    whole: ClassVar[bool] = False
    """True where no value has a fraction."""

    def hint(self, cell: str) -> str:
        """Return the key that has the cell read as a number."""
        return hint_for_date(cell) or hint_for(cell)

    def accepts(self, dtype: pl.DataType) -> bool:
        """Tell whether it is numeric."""
        return dtype.is_numeric()

    def parsed(self, dtype: pl.DataType) -> pl.Expr:
        """Return numbers."""
        return self.column.cast(pl.Float64, strict=False) if dtype == pl.String else self.column

    def faults(self) -> Iterator[Rule]:
        """Yield what makes a number one that the model can't take."""
        yield from super().faults()
        fits = self.column.is_between(-FLOAT32_MAXIMUM, FLOAT32_MAXIMUM)
        yield Rule(self.name, "not finite in 32 bits", ~fits)

    def range_faults(self, low: float | None, high: float | None) -> Iterator[Rule]:
        """Yield the rules of a range."""
        if low is not None:
            yield Rule(self.name, f"below {low:.12g}", self.column < low)
        if high is not None:
            yield Rule(self.name, f"above {high:.12g}", self.column > high)

    def clean_type(self) -> pl.DataType:
        """Return 64-bit floats."""
        return pl.Float64()

    def measure(self) -> Measure:
        """Return what takes in range, spread and histogram."""
        return Spread(self.whole)

    def reference(self, present: NDArray[np.float64], rows: int, known: Known) -> Reference:
        """Return bins that hold about as many values each."""
        del known
        return measured_reference(present, rows)

    def codes(self, column: pl.Series, known: Known) -> Float32Array:
        """Return the numbers as they are."""
        del known
        return column.cast(pl.Float64).to_numpy().astype(np.float32)

    def fit(self, index: int, codes: Float32Array, known: Known) -> Fitted:
        """Fit median, mean and spread."""
        del known
        return fit_scaled(index, self.name, self.feature.missing == "impute", codes, self.whole)
