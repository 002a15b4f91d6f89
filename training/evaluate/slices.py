"""How well a model does on the rows of each value of a feature: a mean over all rows may hide those it fails."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.results import Slice
from training.graphs.graph import Predictions
from training.metrics.resamples import Resamples
from training.metrics.score import measure

SMALL_ROWS = 30
"""Fewer rows than this tell little of a slice."""
MOST_SLICES = 50
"""Of a feature, those of most rows."""


def slice_scores(
    held_out: Path,
    features: Sequence[str],
    actual: NDArray[Any],
    answers: Predictions,
    seed: int,
    metrics: Collection[str] | None = None,
    together: NDArray[Any] | None = None,
) -> dict[str, tuple[Slice, ...]]:
    """Return every metric on the rows of each value of some features, by feature.

    Args:
        held_out: Parquet of n rows.
        features: names of categories and booleans.
        actual: their target, as `training.metrics.score.measure` takes it, [n].
        answers: what the model answered to them.
        seed: of the resamples.
        metrics: names of those to tell; all of the task where not given.
        together: is equal for rows that belong together, [n]; each is by itself where not given.
    """
    import polars as pl

    if not features:
        return {}
    rows = pl.read_parquet(held_out, columns=list(features)).select(pl.all().cast(pl.String))
    return {name: tuple(_slices(rows[name], actual, answers, seed, metrics, together)) for name in features}


def _slices(
    column: Any,
    actual: NDArray[Any],
    answers: Predictions,
    seed: int,
    metrics: Collection[str] | None,
    together: NDArray[Any] | None,
) -> list[Slice]:
    cells = column.to_numpy()
    counts = (
        column.rename("value").value_counts(sort=True, name="rows").sort(["rows", "value"], descending=[True, False])
    )
    found = []
    for value, rows in counts.head(MOST_SLICES).iter_rows():
        chosen = np.flatnonzero(column.is_null().to_numpy() if value is None else cells == value)
        resamples = Resamples(rows, seed, together=None if together is None else together[chosen])
        measured = measure(actual[chosen], answers.take(chosen), resamples, metrics)
        scores = {name: one.interval() for name, one in measured.items()}
        found.append(Slice(value=value, rows=rows, small=rows < SMALL_ROWS, scores=scores))
    return found
