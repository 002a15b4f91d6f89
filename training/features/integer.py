"""Whole numbers."""

from collections.abc import Iterator

import polars as pl

from molino.contracts.features.integer import LARGEST, Integer
from training.features.base import Rule
from training.features.numeric import NumericType


class IntegerType(NumericType[Integer]):
    """A whole number, exact in the 32-bit floats of a graph."""

    expected = "a whole number"
    whole = True

    def faults(self) -> Iterator[Rule]:
        """Yield what makes it no whole number of the feature's range, or one that 32-bit floats skip."""
        yield from super().faults()
        yield Rule(self.name, "not a whole number", self.column.is_finite() & (self.column != self.column.round()))
        low, high = self.feature.minimum, self.feature.maximum
        yield from self.range_faults(low, high)
        if low is None:
            yield Rule(self.name, f"below -{LARGEST} (use type: number)", self.column < -LARGEST)
        if high is None:
            yield Rule(self.name, f"above {LARGEST} (use type: number)", self.column > LARGEST)

    def clean_type(self) -> pl.DataType:
        """Return 64-bit integers."""
        return pl.Int64()
