"""Mean absolute error."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score


class Mae(Score):
    """In the target's unit; every error weighs as much as it is large."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the mean of the errors' sizes."""
        return resamples.means(np.abs(answers.values - actual))
