"""Pinball loss: what an answer is worth as a quantile of the target."""

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score


class Pinball(Score):
    """In the target's unit; least where the share `quantile` of the rows lies below their answers."""

    @property
    @abstractmethod
    def quantile(self) -> float:
        """The quantile that answers are held to be."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the mean of the errors' sizes, above the answer times the quantile, below it times the rest."""
        above = actual - answers.values
        return resamples.means(np.maximum(self.quantile * above, (self.quantile - 1) * above))
