"""Share of rows whose class is answered right."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score


class Accuracy(Score):
    """Counts rows, so that a rare class hardly counts."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the share of rows whose label is their class."""
        return resamples.means(np.asarray(answers.labels) == actual)
