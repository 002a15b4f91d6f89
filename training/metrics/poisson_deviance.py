"""Mean Poisson deviance: how far answers are from counts whose spread grows with their mean."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score


class PoissonDeviance(Score):
    """Undefined where a target is below 0 or an answer isn't above it."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the mean of 2 (y log(y / answer) - y + answer)."""
        if (actual < 0).any() or (answers.values <= 0).any():
            return np.full(len(resamples.weights), np.nan)
        ratio = np.log(np.where(actual > 0, actual / answers.values, 1.0))
        return resamples.means(2 * (actual * ratio - actual + answers.values))
