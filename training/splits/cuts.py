"""Cuts through positions, so that rows of the same position stay together and shares are as near as can be."""

import numpy as np
from numpy.typing import NDArray


def cut_first(positions: NDArray[np.float64], first: float, second: float) -> tuple[float, float]:
    """Return the upper ends of the first and the second share of some positions in [0, 1).

    Three or more different positions leave at least one to each share and to the rest; of two the lower one is in the
    first share, and one is in the rest.
    """
    different, counts = np.unique(positions, return_counts=True)
    if len(different) < 2:
        return 0.0, 0.0
    ends = np.cumsum(counts)
    several = len(different) > 2
    low = nearest(ends, first * ends[-1], 1, len(different) - 1 - several)
    high = nearest(ends, (first + second) * ends[-1], low + 1, len(different) - 1) if several else low
    return between(different, low), between(different, high)


def nearest(ends: NDArray[np.int64], wanted: float, least: int, most: int) -> int:
    """Return how many positions, from `least` to `most`, hold a number of rows nearest to the wanted one."""
    return least + int(np.argmin(np.abs(ends[least - 1 : most] - wanted)))


def between(different: NDArray[np.float64], count: int) -> float:
    """Return a cut that has `count` of the ascending positions below it."""
    low, high = float(different[count - 1]), float(different[count])
    middle = low + (high - low) / 2
    return middle if low < middle else high
