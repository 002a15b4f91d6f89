"""Categories in trees: values in the order of the target's mean, so that a threshold parts low ones from high ones.

In that order the best set of values to send one way is a run from one end (Fisher 1958), which the alphabet hides.
It needs no more rows of a value than there are, where splits by sets of values leave out those with few rows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.features.fitted import Float32Array
from training.train.data import Rows
from training.train.encoding import Encoding

TreeTables = Mapping[int, Float32Array]
"""Feature index to the place of each code, [values + 1]; NaN, which means missing, of what training rows never had."""


def fit_tables(encoding: Encoding, train: Rows) -> dict[int, Float32Array]:
    """Put the values of each category in the order of the target's mean over their rows; a class is its position."""
    return {
        column.index: _places(train.features[:, column.index], train.target, len(column.values) + 1)
        for column in encoding.categorical
    }


def _places(codes: Float32Array, target: NDArray[Any], size: int) -> Float32Array:
    present = ~np.isnan(codes)
    positions = codes[present].astype(np.intp)
    counts = np.bincount(positions, minlength=size)
    sums = np.bincount(positions, weights=target[present], minlength=size)
    table = np.full(size, np.nan, np.float32)
    seen = np.flatnonzero(counts)
    table[seen[np.argsort(sums[seen] / counts[seen], kind="stable")]] = np.arange(len(seen))
    return table


def given(tables: TreeTables, features: Float32Array) -> Float32Array:
    """Return rows [n, features] with each category's place instead of its code."""
    if not tables:
        return features
    found = features.copy()
    for index, table in tables.items():
        codes = features[:, index]
        missing = np.isnan(codes)
        found[:, index] = np.where(missing, np.nan, table[np.where(missing, 0, codes).astype(np.intp)])
    return found
