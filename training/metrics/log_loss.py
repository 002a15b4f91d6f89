"""Log loss, or cross-entropy: how improbable the actual classes were held to be."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score

SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


class LogLoss(Score):
    """Judges the probabilities, not the labels."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the mean of `row_log_loss`."""
        return resamples.means(row_log_loss(actual, answers.values))


def row_log_loss(actual: NDArray[np.intp], probabilities: Float64Array) -> Float64Array:
    """Return -log of each row's probability of its own class, [n]; no probability counts below 32-bit resolution."""
    whole = probabilities.sum(axis=1)
    own = probabilities[np.arange(len(actual)), actual] / np.where(whole > 0, whole, 1.0)
    return np.asarray(-np.log(np.clip(own, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)))
