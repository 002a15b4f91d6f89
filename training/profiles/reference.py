"""Each feature's distribution over the training rows: what drift is measured against."""

import numpy as np
from numpy.typing import NDArray

from molino.contracts.release import Reference

BINS = 10


def counted_reference(values: tuple[str, ...], codes: NDArray[np.float64], rows: int) -> Reference:
    """Count codes, which are positions in the values; those of others are in no count."""
    counts = np.bincount(codes.astype(np.intp), minlength=len(values))[: len(values)]
    return Reference(rows=rows, missing=rows - len(codes), values=values, counts=tuple(int(count) for count in counts))


def measured_reference(present: NDArray[np.float64], rows: int) -> Reference:
    """Count numbers in bins that hold about as many each."""
    if not len(present):
        return Reference(rows=rows, missing=rows, edges=(0.0, 1.0), counts=(0,))
    edges = bin_edges(present)
    inner = np.searchsorted(edges[1:-1], present, side="right")
    counts = np.bincount(inner, minlength=len(edges) - 1)
    return Reference(
        rows=rows,
        missing=rows - len(present),
        edges=tuple(float(edge) for edge in edges),
        counts=tuple(int(count) for count in counts),
        mean=float(present.mean()),
        std=float(present.std()),
    )


def bin_edges(present: NDArray[np.float64], bins: int = BINS) -> NDArray[np.float64]:
    """Return ascending edges of at most `bins` bins that hold about as many values each.

    Inner edges lie half way between neighbouring values, so that a value never sits on an edge: rounded to 32 bits
    or not, it falls into the same bin. Few distinct values get a bin each.
    """
    distinct = np.unique(present)
    if len(distinct) == 1:
        return np.array([distinct[0] - 0.5, distinct[0] + 0.5])
    between = (distinct[1:] + distinct[:-1]) / 2
    if len(distinct) > bins:
        wanted = np.quantile(present, np.linspace(0, 1, bins + 1)[1:-1])
        above = np.searchsorted(distinct, wanted, side="left").clip(1, len(distinct) - 1)
        between = between[np.unique(above - 1)]
    return np.concatenate([distinct[:1], between, distinct[-1:]])
