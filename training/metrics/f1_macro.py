"""F1, the harmonic mean of precision and recall, as the mean over classes."""

from typing import Any

from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.label_counts import count_labels
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score


class F1Macro(Score):
    """Every class counts as much, however rare; those that no row has and no answer names don't."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the mean of F1 over the classes met among actual or predicted labels."""
        counts = count_labels(actual, answers, resamples)
        return counts.mean_share_of((counts.actual + counts.predicted) / 2)
