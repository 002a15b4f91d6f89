"""Mean absolute error as a share of the actual value."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score


class Mape(Score):
    """Counts an error of 1 of 2 as much as one of 50 of 100; undefined where a row's target is 0."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the mean of the errors' sizes, each over the size of the actual value."""
        if not actual.all():
            return np.full(len(resamples.weights), np.nan)
        return resamples.means(np.abs((answers.values - actual) / actual))
