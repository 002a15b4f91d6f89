"""Root mean squared error."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score


class Rmse(Score):
    """In the target's unit; large errors weigh more than small ones."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the root of the mean squared error."""
        return np.asarray(np.sqrt(resamples.means((answers.values - actual) ** 2)))
