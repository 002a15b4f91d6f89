"""Bootstrap resamples of rows, and a metric over them.

A metric that is a function of sums over rows needs no rows for a resample but only the weights of their sums: 1000
resamples are one matrix product. Up to `BLOCKS` rows each row is drawn by itself (the ordinary bootstrap of Efron,
1979); above, rows are first put into that many random blocks of equal size, and blocks are drawn. Rows that belong
together are drawn together (Davison and Hinkley, 1997, 3.8): what each repeats of the others counts once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.results import Interval

RESAMPLES = 1000
BLOCKS = 2000
LEVEL = 95.0

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A metric on all rows, and on every resample of them."""

    samples: Float64Array
    """[1 + resamples]; the first is the metric on all rows."""

    @property
    def value(self) -> float:
        """The metric on all rows."""
        return float(self.samples[0])

    def interval(self) -> Interval:
        """Return the metric with its 95 % percentile interval."""
        low, high = np.nanpercentile(self.samples[1:], [50 - LEVEL / 2, 50 + LEVEL / 2])
        return Interval(value=self.value, low=float(low), high=float(high))

    def minus(self, other: "Measure") -> "Measure":
        """Return the difference to a metric on the same rows and resamples, paired."""
        return Measure(self.samples - other.samples)


class Resamples:
    """Weights of n rows in every resample: the same for every model that is scored with them."""

    def __init__(self, rows: int, seed: int, count: int = RESAMPLES, together: NDArray[Any] | None = None) -> None:
        """Draw the resamples.

        Args:
            rows: n.
            seed: of what is drawn.
            count: of the resamples.
            together: is equal for rows that belong together, [n]; each is by itself where it isn't given, or where all
                would be one.
        """
        rng = np.random.default_rng(seed)
        self.rows = rows
        unit, units = np.arange(rows), rows
        if together is not None and len(different := np.unique(together)) > 1:
            unit, units = np.searchsorted(different, together), len(different)
        self.blocks = min(units, BLOCKS)
        self.block = unit if units <= BLOCKS else (rng.permutation(units) % BLOCKS)[unit]
        drawn = rng.integers(0, self.blocks, size=(count, self.blocks))
        cells = drawn + self.blocks * np.arange(count)[:, None]
        counts = np.bincount(cells.ravel(), minlength=count * self.blocks).reshape(count, self.blocks)
        self.weights: Float64Array = np.vstack([np.ones(self.blocks), counts])

    def sums(self, per_row: NDArray[Any]) -> Float64Array:
        """Return the sums of a per-row quantity [n]: over all rows first, then in each resample."""
        return self.weights @ np.bincount(self.block, weights=per_row, minlength=self.blocks)

    def means(self, per_row: NDArray[Any]) -> Float64Array:
        """Return the means of a per-row quantity [n]: over all rows first, then in each resample."""
        return self.sums(per_row) / self.sums(np.ones(self.rows))

    def sums_by(self, group: NDArray[np.intp], groups: int) -> Float64Array:
        """Return how many rows each group has, [1 + resamples, groups]."""
        cells = np.bincount(self.block * groups + group, minlength=self.blocks * groups)
        return self.weights @ cells.reshape(self.blocks, groups)


def mean_of_defined(columns: list[Float64Array]) -> Float64Array:
    """Return the mean over columns, each [1 + resamples], of what isn't NaN; NaN where all are."""
    table = np.stack(columns)
    defined = np.isfinite(table)
    number = defined.sum(axis=0)
    total = np.where(defined, table, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, number, out=np.full(table.shape[1], np.nan), where=number > 0))
