"""Coefficient of determination."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score


class R2(Score):
    """The share of the target's variance that the answers explain; 1 or 0 where the target is constant."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return 1 less the squared errors over the target's spread around its mean in the same rows."""
        centred = actual - actual.mean()
        count = resamples.sums(np.ones(len(actual)))
        squares = resamples.sums((answers.values - actual) ** 2)
        spread = resamples.sums(centred**2) - resamples.sums(centred) ** 2 / count
        constant = spread <= 1e-12 * count * max(1.0, float(np.square(actual).max()))
        explained = 1 - squares / np.where(constant, 1.0, spread)
        return np.where(constant, np.where(squares == 0, 1.0, 0.0), explained)
