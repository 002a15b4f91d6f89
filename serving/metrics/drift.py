"""How far the values of requests lie from those of the training rows, feature by feature.

Values are counted in the bins of the release's reference: since the start, for Prometheus, and in windows, an hour and
a day, so that what was asked long ago hides nothing. The distance is the population stability index,
`sum((p - q) * ln(p / q))` over the bins, with missing values as a bin of their own, and those that the model doesn't
know as another: q is their share of the training rows. To keep few rows from looking like drift, half a row per bin is
added to what was found, shared out like the reference. Below 0.1 counts as none, above 0.25 as major, as is usual in
credit scoring, where the index comes from (Siddiqi, Credit Risk Scorecards, 2006). Nothing is called drift that rows of
the reference's own distribution show once in a thousand times: over B bins the index of n rows against m is then about
`(1 / n + 1 / m)` times a chi-squared value of B - 1 degrees of freedom (Yurdakul, Statistical Properties of Population
Stability Index, 2018).
"""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from molino.contracts.release import Reference, Release
from serving.features import serve_features
from serving.features.base import GraphInputs, ServedFeature
from serving.metrics.shared_counters import SharedCounters, WorkerCounters, joined

PREFIX = "drift|"
HOUR, DAY = 3600.0, 86400.0
PARTS = 12
"""A window moves on by this part of it."""
SLOTS = PARTS + 1
"""Parts of a window that are kept: the whole ones, and the one that goes on."""
REQUEST_ROWS = 100
"""A request with more rows adds this many of them, evenly spaced."""
PENDING_ROWS = 1000
"""Rows kept until the next count; what comes on top of them is left out."""
FLUSH_SECONDS = 0.2
LEAST_ROWS = 500
"""With fewer rows the index is noise, so no level is given."""
MODERATE, MAJOR = 0.1, 0.25
LEVELS = {"none": 0, "moderate": 1, "major": 2}
"""What Prometheus gets for a level; nothing where there are too few rows to tell."""
NOISE_DEVIATES = 3.09
"""The normal deviate that one of a thousand values exceeds."""
LEAST_SHARE = 1e-4
"""What an empty bin of the reference counts as."""
_BINS = 2
"""Before a feature's bins come the counts of its missing values and of those outside."""
LEAST_DIGITS, MOST_DIGITS = 6, 17
"""Of a bin's edges in its name: few, or all that a float has."""
Counts = NDArray[np.float64]


class Drift(NamedTuple):
    """What was seen of one feature in one window."""

    seconds: float
    """Length of the window."""
    rows: int
    missing: int
    outside: int
    """Values outside the feature's range, or categories that the model doesn't know."""
    psi: float | None
    level: str


class Expected:
    """What a release's reference says of each feature, and where its counts are.

    The counts of a release are one vector: of each feature with a reference the missing values, those outside, and a
    count per bin. Values outside are a bin of their own of a feature with values; numbers outside are in a bin as well.
    """

    def __init__(self, named: Mapping[str, Reference]) -> None:
        """Prepare for the reference of each feature, in feature order."""
        self.features, references = list(named), list(named.values())
        sizes = [_BINS + len(reference.counts) for reference in references]
        self.starts = np.cumsum([0, *sizes])[:-1]
        self.width = sum(sizes)
        self.bins = [_bin_names(reference) for reference in references]
        """Per feature the names of its counts; of numbers outside none, since they are in a bin."""
        self._own = np.concatenate([_own_bins(reference) for reference in references] or [np.zeros(0)])
        self.shares = np.concatenate([_shares(reference) for reference in references] or [np.zeros(0)])
        self._repeats = np.array(sizes, np.intp)
        self._some_own = self._own > 0
        self._expected = np.where(self._some_own, self.shares, 1.0)
        bins = np.array([len(reference.counts) + 1 + (reference.values is not None) for reference in references])
        self._added = bins / 2
        self._added_shares = np.repeat(self._added, self._repeats) * self.shares
        self._noise = np.array([_chi_squared(number - 1) for number in bins], float)
        self._reference_noise = self._noise / np.array([max(reference.rows, 1) for reference in references], float)

    def index(self, windows: Counts) -> tuple[Counts, Counts]:
        """Return rows and population stability index by window and feature, of counts of shape [windows, width]."""
        if not self.features:
            return np.zeros((len(windows), 0)), np.zeros((len(windows), 0))
        rows = np.add.reduceat(windows * self._own, self.starts, axis=1)
        found = (windows + self._added_shares) / np.repeat(rows + self._added, self._repeats, axis=1)
        shares = np.where(self._some_own, found, 1.0)
        psi = np.add.reduceat((shares - self._expected) * np.log(shares / self._expected), self.starts, axis=1)
        return rows, psi

    def levels(self, rows: Counts, psi: Counts) -> list[list[str]]:
        """Return how far each feature has drifted by window and feature, of what `index` returns."""
        return [
            [_level(n, index, least) for n, index, least in zip(*columns, strict=True)]
            for columns in zip(rows.tolist(), psi.tolist(), self._noise_of(rows).tolist(), strict=True)
        ]

    def measure(self, windows: Counts, lengths: Sequence[float]) -> list[list[Drift]]:
        """Return the drift in each window of each feature, of counts of shape [windows, width].

        Args:
            windows: what was counted in each window.
            lengths: seconds of each window.
        """
        rows, psi = self.index(windows)
        figures = (rows, windows[:, self.starts], windows[:, self.starts + 1], psi, self._noise_of(rows))
        return [
            [
                Drift(
                    length, int(n), int(missing), int(outside), round(index, 6) if n else None, _level(n, index, least)
                )
                for length, n, missing, outside, index, least in zip(lengths, *columns, strict=True)
            ]
            for columns in zip(*(figure.T.tolist() for figure in figures), strict=True)
        ]

    def _noise_of(self, rows: Counts) -> Counts:
        """Return the index that rows of the reference's own distribution exceed once in a thousand times."""
        noise: Counts = self._noise / np.maximum(rows, 1) + self._reference_noise
        return noise


def expect(release: Release) -> Expected:
    """Return what the reference of a release says of its features."""
    named = {feature.name: release.reference.get(feature.name) for feature in release.features}
    return Expected({name: reference for name, reference in named.items() if reference is not None})


class Seen(NamedTuple):
    """What all workers counted of a release."""

    total: Counts
    """Since the start."""
    windows: Counts
    """In each window, of shape [windows, width]."""


class DriftTally:
    """Counts the values that one model was asked about."""

    def __init__(
        self,
        release: Release,
        own: WorkerCounters,
        windows: Sequence[float] = (HOUR, DAY),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.expected = expect(release)
        self._own = own
        self._release = release
        self._windows = windows
        self._clock = clock
        self._log = structlog.get_logger()
        self._features = [
            (position, served, release.reference[served.feature.name])
            for position, served in enumerate(serve_features(release))
            if served.feature.name in release.reference
        ]
        self._matrix = release.signature.inputs[0].name if release.signature.layout == "matrix" else None
        self._name = PREFIX + joined(release.name, release.version)
        self._values: Counts | None = None
        self._pending: list[GraphInputs] = []
        self._pending_rows: list[Sequence[Any]] = []
        self._rows = 0
        self._flushed = time.monotonic()
        self._lock = threading.Lock()
        self._open = bool(self._features)

    def observe(self, inputs: GraphInputs) -> None:
        """Keep the inputs of one request until they are counted."""
        rows = len(next(iter(inputs.values())))
        if rows > REQUEST_ROWS:
            step = -(-rows // REQUEST_ROWS)
            inputs = {name: values[::step] for name, values in inputs.items()}
            rows = -(-rows // step)
        if self._make_room(rows):
            self._rows += rows
            self._pending.append(inputs)

    def observe_row(self, row: Sequence[Any]) -> None:
        """Keep one row of numbers, in feature order, until it is counted."""
        if self._make_room(1):
            self._rows += 1
            self._pending_rows.append(row)

    def _make_room(self, rows: int) -> bool:
        """Tell whether so many rows more may be kept; count what is pending where the time has come."""
        if self._rows + rows > PENDING_ROWS:
            if time.monotonic() - self._flushed < FLUSH_SECONDS:
                return False
            self.flush()
        return True

    def flush(self) -> None:
        """Count what is pending."""
        with self._lock:
            pending, self._pending = self._pending, []
            rows, self._pending_rows = self._pending_rows, []
            self._rows = 0
            self._flushed = time.monotonic()
            if (pending or rows) and self._open:
                self._try_to_count(pending, rows)

    def close(self) -> None:
        """Give the counts up: their model is out of service."""
        with self._lock:
            self._open = False
            self._own.release(self._name)

    def _try_to_count(self, pending: Sequence[GraphInputs], rows: Sequence[Sequence[Any]]) -> None:
        """Count, or give up counting for good where the reference doesn't fit what the model is asked."""
        try:
            if pending:
                self._add(self._count(pending))
            if rows:
                columns = list(zip(*rows, strict=True))
                self._add(self._count_columns(lambda at, served: served.tensor(columns[at], np.float32)))
        except Exception:
            self._open = False
            self._log.exception("drift is no longer counted", model=self._release.name, version=self._release.version)

    def _count(self, pending: Sequence[GraphInputs]) -> Counts:
        joined_inputs = {name: np.concatenate([inputs[name] for inputs in pending]) for name in pending[0]}
        if self._matrix is not None:
            matrix = joined_inputs[self._matrix]
            return self._count_columns(lambda position, _: matrix[:, position])
        return self._count_columns(lambda _, served: joined_inputs[served.feature.name])

    def _count_columns(self, column: Callable[[int, ServedFeature], NDArray[Any]]) -> Counts:
        counts: list[int] = []
        for position, served, reference in self._features:
            counts += served.count(column(position, served), reference)
        return np.array(counts, float)

    def _add(self, counts: Counts) -> None:
        if self._values is None:
            slots = SLOTS * len(self._windows)
            vector = self._own.vector(self._name, slots + (1 + slots) * self.expected.width)
            self._values = np.frombuffer(vector.cast("B"), np.float64)
        stamps, blocks = _apart(self._values, len(self._windows))
        blocks[0] += counts
        for window, seconds in enumerate(self._windows):
            part = _part(self._clock(), seconds)
            slot = window * SLOTS + part % SLOTS
            if stamps[slot] != part:
                blocks[1 + slot] = 0
                stamps[slot] = part
            blocks[1 + slot] += counts


def read_seen(
    counters: SharedCounters, windows: Sequence[float] = (HOUR, DAY), clock: Callable[[], float] = time.monotonic
) -> dict[str, Seen]:
    """Return what all workers counted of each release, by `joined` name and version."""
    now = [_part(clock(), seconds) for seconds in windows]
    oldest = np.array(now)[:, np.newaxis] - SLOTS
    seen: dict[str, Seen] = {}
    for _, name, values in counters.rows(PREFIX):
        stamps, blocks = _apart(values, len(windows))
        valid = stamps.reshape(len(now), SLOTS) > oldest
        slots = blocks[1:].reshape(len(now), SLOTS, -1)
        found = Seen(blocks[0].copy(), (valid[:, np.newaxis, :] @ slots)[:, 0, :])
        known = seen.get(name)
        if known is not None and len(known.total) == len(found.total):
            found = Seen(found.total + known.total, found.windows + known.windows)
        seen[name] = found
    return seen


def read_drift(
    seen: Mapping[str, Seen], release: Release, expected: Expected, windows: Sequence[float] = (HOUR, DAY)
) -> dict[str, list[Drift]]:
    """Return the drift of each feature in each window."""
    found = seen.get(joined(release.name, release.version))
    counts = np.zeros((len(windows), expected.width))
    if found is not None and len(found.total) == expected.width:
        counts = found.windows
    return dict(zip(expected.features, expected.measure(counts, windows), strict=True))


def tell(drifts: Sequence[Drift]) -> dict[str, Any]:
    """Return the drift of the shortest window that can tell, or of the longest; and that of each window."""
    windows: list[dict[str, Any]] = [
        {
            "seconds": drift.seconds,
            "rows": drift.rows,
            "missing": drift.missing,
            "outside": drift.outside,
            "psi": drift.psi,
            "level": drift.level,
        }
        for drift in drifts
    ]
    told = next((window for window in windows if window["rows"] >= LEAST_ROWS), windows[-1])
    return {**told, "windows": windows}


def _apart(values: Counts, windows: int) -> tuple[Counts, Counts]:
    """Return when the part in each slot began, and the counts: since the start, and of each slot."""
    slots = SLOTS * windows
    return values[:slots], values[slots:].reshape(1 + slots, -1)


def _part(now: float, seconds: float) -> int:
    """Return the number of the part of a window that goes on; 0 is none."""
    return int(now // (seconds / PARTS)) + SLOTS


def _own_bins(reference: Reference) -> Counts:
    own = np.ones(_BINS + len(reference.counts))
    own[1] = reference.values is not None
    return own


def _shares(reference: Reference) -> Counts:
    """Return the expected share of each count; 0 for numbers outside, which are in a bin."""
    if reference.values is None:
        shares = _floored([reference.missing, *reference.counts])
        return np.insert(shares, 1, 0.0)
    return _floored([reference.missing, reference.unknown, *reference.counts])


def _floored(counts: Sequence[float]) -> Counts:
    shares = np.maximum(np.array(counts, float) / max(sum(counts), 1), LEAST_SHARE)
    floored: Counts = shares / shares.sum()
    return floored


def _bin_names(reference: Reference) -> list[str | None]:
    if reference.values is not None:
        return ["missing", "unknown", *(f"={value}" for value in reference.values)]
    edges = _told_apart((reference.edges or ())[1:-1])
    low, high = ["-Inf", *edges], [*edges, "+Inf"]
    bins = [f"{a}..{b}" for a, b in zip(low, high, strict=True)]
    if len(set(bins)) != len(reference.counts):
        bins = [str(number) for number in range(len(reference.counts))]
    return ["missing", None, *bins]


def _told_apart(edges: Sequence[float]) -> list[str]:
    """Return edges in as few digits as tell them apart: Prometheus takes one of two bins of the same name."""
    texts: list[str] = []
    for digits in range(LEAST_DIGITS, MOST_DIGITS + 1):
        texts = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(texts)) == len(texts):
            break
    return texts


def _level(rows: float, psi: float, noise: float) -> str:
    if rows < LEAST_ROWS:
        return "unknown"
    if psi <= MODERATE or psi <= noise:
        return "none"
    return "moderate" if psi <= MAJOR else "major"


def _chi_squared(freedom: int) -> float:
    """Return what one of a thousand chi-squared values exceeds (Wilson and Hilferty, 1931)."""
    if freedom < 1:
        return 0.0
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + NOISE_DEVIATES * math.sqrt(spread)) ** 3)
