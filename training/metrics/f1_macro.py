"""F1, the harmonic mean of precision and recall, as the mean over classes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples, mean_of_defined
from training.metrics.score import Score


class F1Macro(Score):
    """Every class counts as much, however rare; those that no row has and no answer names don't."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the mean of F1 over the classes met among actual or predicted labels."""
        labels, classes = np.asarray(answers.labels), answers.values.shape[1]
        true = resamples.sums_by(actual, classes)
        predicted = resamples.sums_by(labels, classes)
        # One group more takes the rows that were answered wrong.
        hits = resamples.sums_by(np.where(labels == actual, actual, classes), classes + 1)[:, :classes]
        either = true + predicted
        f1 = np.divide(2 * hits, either, out=np.full_like(either, np.nan), where=either > 0)
        return mean_of_defined(list(f1.T))
