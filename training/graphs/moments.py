"""Dates and times of clean rows as the numbers that enter a graph."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from molino.contracts.moments import ORIGIN

if TYPE_CHECKING:
    import polars as pl


def codes_of(column: "pl.Series") -> NDArray[np.float32]:
    """Return whole days or hours since 2000-01-01, or seconds since midnight of a time of a day; NaN where missing."""
    import polars as pl

    if column.dtype == pl.Time:
        seconds = (column.cast(pl.Int64) // 1_000_000_000).cast(pl.Float64)  # of nanoseconds
        return seconds.to_numpy().astype(np.float32)

    hours = 24 if column.dtype == pl.Date else 1
    since = column.cast(pl.Datetime("us")) - ORIGIN
    steps = (since.dt.total_microseconds() // (hours * 3_600_000_000)).cast(pl.Float64)
    return steps.to_numpy().astype(np.float32)
