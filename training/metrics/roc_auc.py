"""Area under the ROC curve, one class against the rest, as the mean over classes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples, mean_of_defined
from training.metrics.score import Score


class RocAuc(Score):
    """Judges the order that the probabilities put rows into; undefined where all rows are of one class."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the mean area over the classes that some rows have and some have not."""
        classes = range(answers.values.shape[1])
        return mean_of_defined([_area(actual == index, answers.values[:, index], resamples) for index in classes])


def roc_curve(positive: NDArray[np.bool_], score: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return false and true positive rates from (0, 0) to (1, 1), a point per distinct score."""
    _, group = np.unique(-score, return_inverse=True)
    rates = [np.cumsum(np.bincount(group, weights=rows)) / rows.sum() for rows in (~positive, positive)]
    return np.concatenate([[0.0], rates[0]]), np.concatenate([[0.0], rates[1]])


def _area(positive: NDArray[np.bool_], score: Float64Array, resamples: Resamples) -> Float64Array:
    """Area under the ROC curve, as the mean placement of positives among negatives (DeLong et al., 1988).

    In a resample the area is the sum of placements reweighted: exact to first order in 1/n, and a sum over rows.
    """
    if not positive.any() or positive.all():
        return np.full(len(resamples.weights), np.nan)
    _, group = np.unique(score, return_inverse=True)
    above = _placements(group, ~positive)
    below = 1 - _placements(group, positive)
    whole = np.full(len(resamples.weights), above[positive].mean())
    area = -whole
    for rows, placements in ((positive, above), (~positive, below)):
        count = resamples.sums(rows)
        total = resamples.sums(np.where(rows, placements, 0.0))
        area = area + np.divide(total, count, out=whole.copy(), where=count > 0)
    return np.asarray(np.clip(area, 0.0, 1.0))


def _placements(group: NDArray[np.intp], among: NDArray[np.bool_]) -> Float64Array:
    """Return the share of the rows in `among` that score below each row, ties counted half."""
    counts = np.bincount(group, weights=among)
    share: Float64Array = (np.cumsum(counts) - counts / 2) / counts.sum()
    return np.asarray(share[group])
