"""How often each class is the actual label, the predicted one, and both, on all rows and on each resample."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples, mean_of_defined


@dataclass(frozen=True)
class LabelCounts:
    """Counts of rows, each [1 + resamples, classes]."""

    actual: Float64Array
    predicted: Float64Array
    hits: Float64Array
    """Rows of the class that are answered right."""

    def mean_share_of(self, whole: Float64Array) -> Float64Array:
        """Return the mean of hits by some counts, over the classes met among actual or predicted labels; by 0, 0."""
        share = np.divide(self.hits, whole, out=np.zeros_like(whole), where=whole > 0)
        met = self.actual + self.predicted > 0
        return mean_of_defined(list(np.where(met, share, np.nan).T))


def count_labels(actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> LabelCounts:
    """Count the labels of n rows.

    Args:
        actual: positions in the classes, [n].
        answers: with labels.
        resamples: made for n rows.
    """
    labels, classes = np.asarray(answers.labels), answers.values.shape[1]
    # One group more takes the rows that were answered wrong.
    hits = resamples.sums_by(np.where(labels == actual, actual, classes), classes + 1)[:, :classes]
    return LabelCounts(resamples.sums_by(actual, classes), resamples.sums_by(labels, classes), hits)
