"""A histogram whose range isn't known beforehand."""

import math

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
FINE_BINS = 1024
COARSEST_START = -160
"""Bins are never narrower than 2**-160: 32-bit floats end at 2**-149."""
EXACT = 2**50


class Histogram:
    """Counts in bins of equal width 2**k, whose edges are whole multiples of it.

    When the values spread, neighbouring bins are joined (k grows). So the counts depend on the values alone, not on
    their order or on how they came in parts, and any range of values takes at most `FINE_BINS` bins.
    """

    def __init__(self, narrowest: int = COARSEST_START) -> None:
        self.k = narrowest
        self.first = 0
        """The first bin is [first * 2**k, (first + 1) * 2**k)."""
        self.counts = np.zeros(0, dtype=np.int64)

    def add(self, values: Numbers, low: float, high: float) -> None:
        """Count finite values that lie in [low, high]."""
        if len(self.counts):
            low = min(low, math.ldexp(self.first, self.k))
            high = max(high, math.ldexp(self.first + len(self.counts) - 1, self.k))
        self._coarsen(_width(low, high, self.k))
        scaled = values * 2.0**-self.k
        bins = np.floor(scaled, out=scaled).astype(np.int64)
        first, last = math.floor(math.ldexp(low, -self.k)), math.floor(math.ldexp(high, -self.k))
        bins -= first
        counts = np.bincount(bins, minlength=last - first + 1)
        if len(self.counts):
            counts[self.first - first :][: len(self.counts)] += self.counts
        self.first, self.counts = first, counts

    def _coarsen(self, k: int) -> None:
        self.first, self.counts = _joined(self.first, self.counts, k - self.k)
        self.k = k

    def shown(self, bins: int) -> tuple[list[float], list[int]]:
        """Return the edges and counts of at most that many bins."""
        shift, first, counts = 0, self.first, self.counts
        while len(counts) > bins:
            shift += 1
            first, counts = _joined(self.first, self.counts, shift)
        edges = [math.ldexp(first + i, self.k + shift) for i in range(len(counts) + 1)]
        return edges, counts.tolist()

    def quantile(self, share: float) -> float:
        """Return the value below which a share of the values lies, to within one bin."""
        below = np.cumsum(self.counts)
        wanted = share * below[-1]
        index = int(np.searchsorted(below, wanted))
        inside = (wanted - (below[index] - self.counts[index])) / self.counts[index]
        return math.ldexp(self.first + index + float(inside), self.k)


def _width(low: float, high: float, k: int) -> int:
    """Return the least k, not below the given one, with which [low, high] takes at most `FINE_BINS` bins."""
    largest = max(abs(low), abs(high))
    if largest:
        k = max(k, math.frexp(largest)[1] - math.frexp(EXACT)[1])
    if high > low:
        k = max(k, math.frexp(high - low)[1] - math.frexp(FINE_BINS)[1])
    while math.floor(math.ldexp(high, -k)) - math.floor(math.ldexp(low, -k)) >= FINE_BINS:
        k += 1
    return k


def _joined(first: int, counts: npt.NDArray[np.int64], shift: int) -> tuple[int, npt.NDArray[np.int64]]:
    """Join each 2**shift bins whose numbers differ in the last `shift` bits alone."""
    if shift == 0 or not len(counts):
        return first >> shift, counts
    bins = (first + np.arange(len(counts))) >> shift
    return first >> shift, np.bincount(bins - bins[0], weights=counts).astype(np.int64)
