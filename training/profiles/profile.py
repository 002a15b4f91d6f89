"""What the clean rows look like, a column at a time: counts, range, mean, spread and histogram."""

import math
from collections import Counter
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from training.profiles.histogram import COARSEST_START, Histogram
from training.profiles.precision import coarse

SHOWN_BINS = 32
PEEKED = 64
"""So many numbers show a fraction of almost any column that has one."""
MOST_VALUES = 10_000
"""Of a category with more values than this, later ones are counted together."""


class ColumnProfile(BaseModel):
    """A column of the clean data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: str
    unit: str | None = None
    description: str = ""
    rows: int
    missing: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    """Standard deviation of the sample (n - 1)."""
    p05: float | None = None
    """5 % of the values lie below it, to within 1/512 of the range; `median` and `p95` likewise."""
    median: float | None = None
    p95: float | None = None
    moving: bool = False
    """Of dates and times: with time their mean moves on by itself."""
    edges: tuple[float, ...] | None = None
    """Of numbers: edges of the histogram, one more than `counts`; a value on an edge belongs to the bin above it."""
    whole: bool = False
    """Of numbers: none has a fraction."""
    coarse: str | None = None
    """Of numbers: what 32-bit floats can't tell apart of them, and what to do."""
    values: tuple[str, ...] | None = None
    """Of categories and booleans: what was found, the commonest first."""
    other_values: int = 0
    """Rows whose value came up only after 10,000 other ones."""
    counts: tuple[int, ...] = ()


class Measure(Protocol):
    """Takes in what a column holds, part by part."""

    def add(self, column: pl.Series) -> None:
        """Take in some values, of which none is missing."""

    def found(self) -> dict[str, Any]:
        """Return fields of `ColumnProfile`."""


class Counts:
    """How often each of a few values comes."""

    def __init__(self) -> None:
        self.counter: Counter[str] = Counter()
        self.other = 0

    def add(self, column: pl.Series) -> None:
        """Count some values."""
        found = column.cast(pl.String).value_counts(sort=True)
        for value, count in sorted(found.rows(), key=lambda row: (-row[1], row[0])):
            if value in self.counter or len(self.counter) < MOST_VALUES:
                self.counter[value] += count
            else:
                self.other += count

    def found(self) -> dict[str, Any]:
        """Return the values, the commonest first, and how often they come."""
        listed = sorted(self.counter.items(), key=lambda item: (-item[1], item[0]))
        values, counts = tuple(value for value, _ in listed), tuple(count for _, count in listed)
        return {"values": values, "counts": counts, "other_values": self.other}


class Spread:
    """Range, mean, standard deviation and histogram of numbers."""

    def __init__(self, whole: bool) -> None:
        self.whole = whole
        self.fractions = False
        self.size = 0
        self.low, self.high, self.mean, self.squares = math.inf, -math.inf, 0.0, 0.0
        self.histogram = Histogram(0 if whole else COARSEST_START)

    def add(self, column: pl.Series) -> None:
        """Join the mean and the squares of the part to those so far (Chan, Golub & LeVeque 1979)."""
        values = column.cast(pl.Float64).to_numpy()
        low, high, size = float(values.min()), float(values.max()), len(values)
        mean = float(values.mean())
        before = self.size
        delta = mean - self.mean
        self.squares += float(values.var(mean=mean)) * size + delta * delta * before * size / (before + size)
        self.mean += delta * size / (before + size)
        self.size += size
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.histogram.add(values, low, high)
        if not (self.whole or self.fractions):
            self.fractions = _has_fractions(values[:PEEKED]) or _has_fractions(values)

    def found(self) -> dict[str, Any]:
        """Return the measures and the histogram; nothing where there was no number."""
        if not self.size:
            return {"whole": self.whole}
        edges, counts = self.histogram.shown(SHOWN_BINS)
        quantiles = {"p05": 0.05, "median": 0.5, "p95": 0.95}
        return {
            "minimum": self.low,
            "maximum": self.high,
            "mean": self.mean,
            "std": math.sqrt(self.squares / (self.size - 1)) if self.size > 1 else None,
            **{name: self._quantile(share) for name, share in quantiles.items()},
            "edges": tuple(edges),
            "counts": tuple(counts),
            "whole": self.whole,
            "coarse": coarse(self.low, self.high, math.sqrt(self.squares / self.size), not self.fractions),
        }

    def _quantile(self, share: float) -> float:
        found = self.histogram.quantile(share)
        found = float(math.floor(found)) if self.whole else found
        return min(max(found, self.low), self.high)


def _has_fractions(values: NDArray[np.float64]) -> bool:
    return bool((values != np.rint(values)).any())
