"""What dates, times and times of a day share: texts that are read once each, and kept as whole numbers of a unit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from molino.contracts.release import Reference
from training.features.base import AnyFeature, FeatureType, Known
from training.features.fitted import Float32Array
from training.graphs.moments import codes_of
from training.profiles.profile import Measure, Spread
from training.profiles.reference import measured_reference


class CodedType(FeatureType[AnyFeature]):
    """What has a code, a whole number of its unit, in place of a number of its own."""

    in_matrix = False

    def measure(self) -> Measure:
        """Return what takes in range, spread and histogram of the codes."""
        return CodeSpread()

    def reference(self, present: NDArray[np.float64], rows: int, known: Known) -> Reference:
        """Return bins that hold about as many codes each."""
        del known
        return measured_reference(present, rows)

    def codes(self, column: pl.Series, known: Known) -> Float32Array:
        """Return the codes."""
        del known
        return codes_of(column)


def read_each(cells: pl.Series, read: Callable[[str], Any], dtype: pl.DataType) -> pl.Series:
    """Return what texts give, null where nothing; each different one is read once."""
    different = cells.unique()
    values = [None if cell is None else read(cell) for cell in different]
    table = pl.DataFrame({"cell": different, "read": pl.Series(values, dtype=dtype)})
    found = cells.to_frame("cell").join(table, on="cell", how="left", nulls_equal=True, maintain_order="left")
    return found["read"].alias(cells.name)


class CodeSpread(Spread):
    """Range, mean, standard deviation and histogram of codes."""

    def __init__(self) -> None:
        super().__init__(whole=True)

    def add(self, column: pl.Series) -> None:
        """Take in dates or times."""
        super().add(pl.Series(codes_of(column)))
