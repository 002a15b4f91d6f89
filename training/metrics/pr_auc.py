"""Area under the precision-recall curve as average precision, one class against the rest, as the mean over classes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Resamples, mean_of_defined
from training.metrics.score import Score


class PrAuc(Score):
    """Judges the order that the probabilities put rows into, by how pure its top is; undefined for a single class."""

    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the mean average precision over the classes that some rows have and some have not."""
        classes = range(answers.values.shape[1])
        return mean_of_defined(
            [_average_precision(actual == index, answers.values[:, index], resamples) for index in classes]
        )


def _average_precision(positive: NDArray[np.bool_], score: Float64Array, resamples: Resamples) -> Float64Array:
    """Average precision: the mean over positive rows of the precision among the rows that score no lower.

    In a resample it is the value on all rows and the sum of each row's influence on it, the derivative by the row's
    weight: exact to first order in 1/n, and a sum over rows.
    """
    if not positive.any() or positive.all():
        return np.full(len(resamples.weights), np.nan)
    _, group = np.unique(-score, return_inverse=True)
    rows, hits = np.bincount(group), np.bincount(group, weights=positive)
    above = np.cumsum(rows)
    precision = np.cumsum(hits) / above
    average = float(hits @ precision / hits.sum())
    # What a row adds to the precision at its own score and at every lower one: its hit, less its place among the rows.
    hit, place = (np.cumsum(part[::-1])[::-1][group] for part in (hits / above, hits * precision / above))
    influence = (np.where(positive, precision[group] - average + hit, 0.0) - place) / hits.sum()
    return np.asarray(np.clip(average + resamples.sums(influence) - influence.sum(), 0.0, 1.0))
