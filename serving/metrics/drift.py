"""How far the values of requests lie from those of the training rows, feature by feature.

Values are counted in the bins of the release's reference. The distance is the population stability index,
`sum((p - q) * ln(p / q))` over the bins, with missing values as a bin of their own. To keep few rows from looking like
drift, half a row per bin is added to what was found, shared out like the reference. Below 0.1 counts as none, above
0.25 as major, as is customary in credit scoring, where the index comes from (Siddiqi, Credit Risk Scorecards, 2006).
"""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import structlog

from molino.contracts.release import Feature, Reference, Release
from serving.features import serve_features
from serving.features.base import GraphInputs
from serving.metrics.shared_counters import SharedCounters, Vector, WorkerCounters, joined

PREFIX = "drift|"
REQUEST_ROWS = 100
"""A request with more rows adds this many of them, evenly spaced."""
PENDING_ROWS = 1000
"""Rows kept until the next count; what comes on top of them is left out."""
FLUSH_SECONDS = 0.2
LEAST_ROWS = 100
"""With fewer rows the index is noise, so no level is given."""
MODERATE, MAJOR = 0.1, 0.25
LEAST_SHARE = 1e-4
"""What an empty bin of the reference counts as."""
_MISSING, _OUTSIDE, _BINS = 0, 1, 2


@dataclass(frozen=True)
class Drift:
    """What was seen of one feature."""

    rows: int
    missing: int
    outside: int
    """Values outside the feature's range, or categories that the model doesn't know."""
    psi: float | None
    level: str


class DriftTally:
    """Counts the values that one model was asked about."""

    def __init__(self, release: Release, own: WorkerCounters) -> None:
        self._own = own
        self._release = release
        self._log = structlog.get_logger()
        self._features = [
            (position, served, release.reference[served.feature.name])
            for position, served in enumerate(serve_features(release))
            if served.feature.name in release.reference
        ]
        self._matrix = release.signature.inputs[0].name if release.signature.layout == "matrix" else None
        self._names = {served.feature.name: _name(release, served.feature.name) for _, served, _ in self._features}
        self._vectors: dict[str, Vector] = {}
        self._pending: list[GraphInputs] = []
        self._rows = 0
        self._flushed = time.monotonic()
        self._lock = threading.Lock()
        self._open = True

    def observe(self, inputs: GraphInputs) -> None:
        """Keep the inputs of one request until they are counted."""
        rows = len(next(iter(inputs.values())))
        if rows > REQUEST_ROWS:
            step = -(-rows // REQUEST_ROWS)
            inputs = {name: values[::step] for name, values in inputs.items()}
            rows = -(-rows // step)
        if self._rows + rows > PENDING_ROWS:
            if time.monotonic() - self._flushed < FLUSH_SECONDS:
                return
            self.flush()
        self._rows += rows
        self._pending.append(inputs)

    def flush(self) -> None:
        """Count what is pending."""
        with self._lock:
            pending, self._pending = self._pending, []
            self._rows = 0
            self._flushed = time.monotonic()
            if pending and self._open:
                self._try_to_count(pending)

    def _try_to_count(self, pending: Sequence[GraphInputs]) -> None:
        """Count, or give up counting for good where the reference doesn't fit what the model is asked."""
        try:
            self._count(pending)
        except Exception:
            self._open = False
            self._log.exception("drift is no longer counted", model=self._release.name, version=self._release.version)

    def _count(self, pending: Sequence[GraphInputs]) -> None:
        joined = {name: np.concatenate([inputs[name] for inputs in pending]) for name in pending[0]}
        for position, served, reference in self._features:
            column = joined[self._matrix][:, position] if self._matrix else joined[served.feature.name]
            vector = self._vector(served.feature, reference)
            for index, count in enumerate(served.count(column, reference)):
                vector[index] += count

    def close(self) -> None:
        """Give the counts up: their model is out of service."""
        with self._lock:
            self._open = False
            for name in self._names.values():
                self._own.release(name)

    def _vector(self, feature: Feature, reference: Reference) -> Vector:
        if feature.name not in self._vectors:
            size = _BINS + len(reference.counts)
            self._vectors[feature.name] = self._own.vector(self._names[feature.name], size)
        return self._vectors[feature.name]


def read_drift(counters: SharedCounters, release: Release) -> dict[str, Drift]:
    """Return the drift of each feature, over all workers."""
    totals = counters.totals(PREFIX)
    return {
        name: _measure(totals.get(_name(release, name)[len(PREFIX) :]), reference)
        for name, reference in release.reference.items()
    }


def population_stability(expected: Sequence[float], found: Sequence[float]) -> float:
    """Return the index of two counts over the same bins."""
    floored = [max(count / max(sum(expected), 1), LEAST_SHARE) for count in expected]
    reference = [share / sum(floored) for share in floored]
    added = len(found) / 2
    rows = sum(found) + added
    shares = [(count + added * q) / rows for count, q in zip(found, reference, strict=True)]
    return sum((p - q) * math.log(p / q) for p, q in zip(shares, reference, strict=True))


def _name(release: Release, feature: str) -> str:
    return PREFIX + joined(release.name, release.version, feature)


def _measure(counts: Sequence[float] | None, reference: Reference) -> Drift:
    if counts is None:
        return Drift(0, 0, 0, None, "unknown")
    missing, outside, bins = counts[_MISSING], counts[_OUTSIDE], counts[_BINS:]
    by_value = reference.values is not None
    rows = int(missing + sum(bins) + (outside if by_value else 0))
    unknown = ([0], [outside]) if by_value else ([], [])
    psi = population_stability([*reference.counts, reference.missing, *unknown[0]], [*bins, missing, *unknown[1]])
    level = "major" if psi > MAJOR else "moderate" if psi > MODERATE else "none"
    return Drift(rows, int(missing), int(outside), round(psi, 6), level if rows >= LEAST_ROWS else "unknown")
