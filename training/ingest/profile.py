"""What the clean rows look like, a column at a time: counts, range, mean, spread and histogram."""

import math
from collections import Counter

import polars as pl
from pydantic import BaseModel, ConfigDict

from molino.contracts.model_file import Boolean, Category, Feature, Integer
from training.ingest.histogram import COARSEST_START, Histogram

SHOWN_BINS = 32
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
    edges: tuple[float, ...] | None = None
    """Of numbers: edges of the histogram, one more than `counts`; a value on an edge belongs to the bin above it."""
    values: tuple[str, ...] | None = None
    """Of categories and booleans: what was found, the commonest first."""
    other_values: int = 0
    """Rows whose value came up only after 10,000 other ones."""
    counts: tuple[int, ...] = ()


class ColumnProfiler:
    """Takes in a column part by part."""

    def __init__(self, feature: Feature) -> None:
        self.feature = feature
        self.rows = self.missing = self.other = 0
        self.counter: Counter[str] = Counter()
        self.low, self.high, self.mean, self.squares = math.inf, -math.inf, 0.0, 0.0
        self.histogram = Histogram(0 if isinstance(feature, Integer) else COARSEST_START)

    def add(self, column: pl.Series) -> None:
        """Count some rows."""
        self.rows += len(column)
        self.missing += column.null_count()
        if column.null_count():
            column = column.drop_nulls()
        if not len(column):
            return
        if isinstance(self.feature, Category | Boolean):
            self._count(column)
        else:
            self._measure(column.cast(pl.Float64))

    def _count(self, column: pl.Series) -> None:
        found = column.cast(pl.String).value_counts(sort=True)
        for value, count in sorted(found.rows(), key=lambda row: (-row[1], row[0])):
            if value in self.counter or len(self.counter) < MOST_VALUES:
                self.counter[value] += count
            else:
                self.other += count

    def _measure(self, column: pl.Series) -> None:
        """Join the mean and the squares of the part to those so far (Chan, Golub & LeVeque 1979)."""
        values = column.to_numpy()
        low, high, size = float(values.min()), float(values.max()), len(values)
        mean = float(values.mean())
        before = self.rows - self.missing - size
        delta = mean - self.mean
        self.squares += float(values.var(mean=mean)) * size + delta * delta * before * size / (before + size)
        self.mean += delta * size / (before + size)
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.histogram.add(values, low, high)

    def profile(self) -> ColumnProfile:
        """Return what was found."""
        feature, present = self.feature, self.rows - self.missing
        base = ColumnProfile(
            name=feature.name,
            type=feature.type,
            unit=getattr(feature, "unit", None),
            description=feature.description,
            rows=self.rows,
            missing=self.missing,
        )
        if isinstance(feature, Category | Boolean):
            listed = sorted(self.counter.items(), key=lambda item: (-item[1], item[0]))
            found = {"values": tuple(v for v, _ in listed), "counts": tuple(c for _, c in listed)}
            return base.model_copy(update={**found, "other_values": self.other})
        return base if not present else base.model_copy(update=self._measures(present))

    def _measures(self, present: int) -> dict[str, object]:
        edges, counts = self.histogram.shown(SHOWN_BINS)
        quantiles = {"p05": 0.05, "median": 0.5, "p95": 0.95}
        return {
            "minimum": self.low,
            "maximum": self.high,
            "mean": self.mean,
            "std": math.sqrt(self.squares / (present - 1)) if present > 1 else None,
            **{name: self._quantile(share) for name, share in quantiles.items()},
            "edges": tuple(edges),
            "counts": tuple(counts),
        }

    def _quantile(self, share: float) -> float:
        found = self.histogram.quantile(share)
        found = float(math.floor(found)) if isinstance(self.feature, Integer) else found
        return min(max(found, self.low), self.high)
