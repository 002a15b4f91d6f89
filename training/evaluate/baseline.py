"""The baselines, which look at no feature: what they would have scored on the held-out rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.results import Baseline
from training.graphs.graph import Predictions
from training.metrics.resamples import Measure, Resamples
from training.metrics.score import measure


def baseline_measures(
    baseline: Baseline, metric: str, actual: NDArray[Any], resamples: Resamples
) -> dict[str, Measure]:
    """Return the metric of each baseline on the held-out rows, by what it answers; without those it's undefined for."""
    answers: dict[str, Predictions] = {}
    if baseline.value is not None:
        answers["the mean of the training rows"] = _constant(baseline.value, len(actual))
    if baseline.last_value is not None:
        answers["the last value before them"] = _constant(baseline.last_value, len(actual))
    if baseline.probabilities is not None:
        shares = np.asarray(baseline.probabilities)
        labels = np.full(len(actual), int(shares.argmax()), np.intp)
        answers["the classes' shares of the training rows"] = Predictions(np.tile(shares, (len(actual), 1)), labels)
    measured = {name: measure(actual, one, resamples, (metric,)) for name, one in answers.items()}
    return {name: found[metric] for name, found in measured.items() if metric in found}


def _constant(value: float, rows: int) -> Predictions:
    return Predictions(np.full(rows, value))
