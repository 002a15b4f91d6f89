"""Coefficient of determination."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score

ROUNDING = 1e-12
"""A spread is none that is smaller than this share of what it is the difference of, or of the target itself."""


class R2(Score):
    """The share of the target's variance that the answers explain; 1 or 0 where the target is constant."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return 1 less the squared errors over the target's spread around its mean in the same rows."""
        centred = actual - actual.mean()
        count = resamples.sums(np.ones(len(actual)))
        squares = resamples.sums((answers.values - actual) ** 2)
        whole = resamples.sums(centred**2)
        spread = whole - resamples.sums(centred) ** 2 / count
        rounded = ROUNDING * float(np.abs(actual).max())
        constant = spread <= ROUNDING * whole + count * rounded**2
        explained = 1 - squares / np.where(constant, 1.0, spread)
        return np.where(constant, np.where(squares == 0, 1.0, 0.0), explained)
