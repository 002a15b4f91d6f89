"""Counts every request once: by route, method, status, model and version, with its latency and rows."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from serving.metrics.shared_counters import SharedCounters, Vector, WorkerCounters, joined, parted

STEPS = 20
"""Latency buckets per decade: neighbours differ by 12 %."""
EDGES = tuple(10 ** (step / STEPS) for step in range(-5 * STEPS, 2 * STEPS + 1))
"""Upper edges of the latency buckets in seconds, 10 µs to 100 s; what is slower has one more bucket."""
PREFIX = "request|"
OVERFLOW = "overflow"
"""Route and method of what is counted together, by the hundreds of its status, where the memory is full."""
_LOWS, _HIGHS = np.array([0.0, *EDGES]), np.array([*EDGES, EDGES[-1]])
_SECONDS, _ROWS, _BUCKETS = 0, 1, 2
_SIZE = _BUCKETS + len(EDGES) + 1


class Series(NamedTuple):
    """What requests are counted by."""

    route: str
    method: str
    status: int
    model: str = ""
    version: str = ""


class Tally(NamedTuple):
    """What was counted of one series, or of several."""

    requests: int
    seconds: float
    rows: int
    buckets: NDArray[np.float64]
    """Requests per latency bucket."""


class RequestCounters:
    """One worker's counts, and the sums over all."""

    def __init__(self, counters: SharedCounters, own: WorkerCounters) -> None:
        self._counters = counters
        self._own = own
        self._vectors: dict[Series, Vector] = {}
        self._lock = threading.Lock()
        self._overflow = {
            hundreds: own.vector(PREFIX + joined(*map(str, Series(OVERFLOW, OVERFLOW, hundreds * 100))), _SIZE)
            for hundreds in range(1, 6)
        }

    def count(self, series: Series, seconds: float, rows: int) -> None:
        """Count one request."""
        bucket = _BUCKETS + bisect_left(EDGES, seconds)
        with self._lock:
            vector = self._vectors.get(series)
            if vector is None:
                vector = self._vectors[series] = self._open(series)
            vector[_SECONDS] += seconds
            vector[_ROWS] += rows
            vector[bucket] += 1

    def tallies(self) -> dict[Series, Tally]:
        """Return the sums over all workers."""
        sums = self._counters.sums(PREFIX)
        tallies = {_parse(name): _tally(values) for name, values in sums.items()}
        return {series: tally for series, tally in tallies.items() if tally.requests}

    def _open(self, series: Series) -> Vector:
        vector = self._own.find_or_add(PREFIX + joined(*map(str, series)), _SIZE)
        return self._overflow[series.status // 100] if vector is None else vector


def add(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of tallies."""
    requests, seconds, rows = 0, 0.0, 0
    buckets = np.zeros(len(EDGES) + 1)
    for tally in tallies:
        requests += tally.requests
        seconds += tally.seconds
        rows += tally.rows
        buckets += tally.buckets
    return Tally(requests, seconds, rows, buckets)


def quantiles(tally: Tally, shares: Sequence[float]) -> list[float | None]:
    """Return quantiles of the latency in seconds, right to the width of a bucket; none where nothing was counted."""
    if not tally.requests:
        return [None] * len(shares)
    wanted = np.array(shares) * tally.requests
    seen = np.cumsum(tally.buckets)
    buckets = np.minimum(np.searchsorted(seen, wanted), len(EDGES))
    lows, highs = _LOWS[buckets], _HIGHS[buckets]
    counts = tally.buckets[buckets]
    found: list[float | None] = (
        lows + (highs - lows) * (wanted - seen[buckets] + counts) / np.where(counts, counts, 1.0)
    ).tolist()
    return found


def _parse(name: str) -> Series:
    route, method, status, model, version = parted(name)
    return Series(route, method, int(status), model, version)


def _tally(values: NDArray[np.float64]) -> Tally:
    """Return what was counted; a worker may be about to count, so requests are those that are in a bucket."""
    buckets = values[_BUCKETS:]
    return Tally(int(buckets.sum()), float(values[_SECONDS]), int(values[_ROWS]), buckets)
