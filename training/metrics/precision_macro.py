"""Precision, the share of the answers naming a class that are right, as the mean over classes."""

from typing import Any

from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.label_counts import count_labels
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score


class PrecisionMacro(Score):
    """Every class counts as much, however rare; one that rows have and no answer names counts 0."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the mean of precision over the classes met among actual or predicted labels."""
        counts = count_labels(actual, answers, resamples)
        return counts.mean_share_of(counts.predicted)
