"""Recall, the share of the rows of a class that are answered right, as the mean over classes."""

from typing import Any

from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.label_counts import count_labels
from training.metrics.resamples import Float64Array, Resamples
from training.metrics.score import Score


class RecallMacro(Score):
    """Every class counts as much, however rare; one that answers name and no row has counts 0."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the mean of recall over the classes met among actual or predicted labels."""
        counts = count_labels(actual, answers, resamples)
        return counts.mean_share_of(counts.actual)
