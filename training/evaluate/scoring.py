"""Held-out metrics with bootstrap confidence intervals.

Every metric here is a function of sums over rows, so a resample needs no rows but only the weights of their sums:
1000 resamples are one matrix product. Up to `BLOCKS` rows each row is drawn by itself (the ordinary bootstrap of
Efron, 1979); above, rows are first put into that many random blocks of equal size, and blocks are drawn.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.results import Interval
from training.graphs.graph import Predictions

RESAMPLES = 1000
BLOCKS = 2000
LEVEL = 95.0
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A metric on all rows, and on every resample of them."""

    samples: Float64Array
    """[1 + resamples]; the first is the metric on all rows."""

    @property
    def value(self) -> float:
        """The metric on all rows."""
        return float(self.samples[0])

    def interval(self) -> Interval:
        """Return the metric with its 95 % percentile interval."""
        low, high = np.nanpercentile(self.samples[1:], [50 - LEVEL / 2, 50 + LEVEL / 2])
        return Interval(value=self.value, low=float(low), high=float(high))

    def minus(self, other: "Measure") -> "Measure":
        """Return the difference to a metric on the same rows and resamples, paired."""
        return Measure(self.samples - other.samples)


class Resamples:
    """Weights of n rows in every resample: the same for every model that is scored with them."""

    def __init__(self, rows: int, seed: int, count: int = RESAMPLES) -> None:
        rng = np.random.default_rng(seed)
        self.rows = rows
        self.blocks = min(rows, BLOCKS)
        self.block = np.arange(rows) if rows <= BLOCKS else rng.permutation(rows) % BLOCKS
        drawn = rng.integers(0, self.blocks, size=(count, self.blocks))
        cells = drawn + self.blocks * np.arange(count)[:, None]
        counts = np.bincount(cells.ravel(), minlength=count * self.blocks).reshape(count, self.blocks)
        self.weights: Float64Array = np.vstack([np.ones(self.blocks), counts])

    def sums(self, per_row: NDArray[Any]) -> Float64Array:
        """Return the sums of a per-row quantity [n]: over all rows first, then in each resample."""
        return self.weights @ np.bincount(self.block, weights=per_row, minlength=self.blocks)

    def sums_by(self, group: NDArray[np.intp], groups: int) -> Float64Array:
        """Return how many rows each group has, [1 + resamples, groups]."""
        cells = np.bincount(self.block * groups + group, minlength=self.blocks * groups)
        return self.weights @ cells.reshape(self.blocks, groups)


def measure(actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> dict[str, Measure]:
    """Return every metric of the task that is defined on these rows.

    Args:
        actual: the target; numbers [n] of a regression, positions in the classes [n] of a classification.
        answers: what the model answered for the same rows.
        resamples: made for n rows.

    Raises:
        StepError: an answer is NaN or infinite.
    """
    wrong = int(len(answers.values) - np.isfinite(answers.values.reshape(len(answers.values), -1)).all(axis=1).sum())
    if wrong:
        raise StepError(f"the graph answers NaN or infinity for {wrong} of {len(answers.values)} held-out rows")
    if answers.labels is None:
        found = regression_measures(actual, answers.values, resamples)
    else:
        found = classification_measures(actual, answers.labels, answers.values, resamples)
    return {name: one for name, one in found.items() if np.isfinite(one.value)}


def regression_measures(actual: Float64Array, predicted: Float64Array, resamples: Resamples) -> dict[str, Measure]:
    """Return rmse, mae and r2, the coefficient of determination (1 or 0 where the target is constant)."""
    error = predicted - actual
    centred = actual - actual.mean()
    count = resamples.sums(np.ones(len(actual)))
    squares = resamples.sums(error**2)
    spread = resamples.sums(centred**2) - resamples.sums(centred) ** 2 / count
    constant = spread <= 1e-12 * count * max(1.0, float(np.square(actual).max()))
    r2 = np.where(constant, np.where(squares == 0, 1.0, 0.0), 1 - squares / np.where(constant, 1.0, spread))
    return {
        "rmse": Measure(np.sqrt(squares / count)),
        "mae": Measure(resamples.sums(np.abs(error)) / count),
        "r2": Measure(r2),
    }


def classification_measures(
    actual: NDArray[np.intp], labels: NDArray[np.intp], probabilities: Float64Array, resamples: Resamples
) -> dict[str, Measure]:
    """Return accuracy, f1_macro, log_loss and roc_auc (one class against the rest, mean over classes).

    f1_macro is the mean over the classes met among actual or predicted labels; roc_auc over those that some rows
    have and some have not, and undefined without any.
    """
    count = resamples.sums(np.ones(len(actual)))
    return {
        "accuracy": Measure(resamples.sums(labels == actual) / count),
        "f1_macro": Measure(_f1_macro(actual, labels, probabilities.shape[1], resamples)),
        "log_loss": Measure(resamples.sums(row_log_loss(actual, probabilities)) / count),
        "roc_auc": Measure(_mean_of_defined([
            _roc_auc(actual == index, probabilities[:, index], resamples) for index in range(probabilities.shape[1])
        ])),
    }  # fmt: skip


def row_log_loss(actual: NDArray[np.intp], probabilities: Float64Array) -> Float64Array:
    """Return -log of each row's probability of its own class, [n]; no probability counts below 32-bit resolution."""
    whole = probabilities.sum(axis=1)
    own = probabilities[np.arange(len(actual)), actual] / np.where(whole > 0, whole, 1.0)
    return np.asarray(-np.log(np.clip(own, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)))


def roc_curve(positive: NDArray[np.bool_], score: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return false and true positive rates from (0, 0) to (1, 1), a point per distinct score."""
    _, group = np.unique(-score, return_inverse=True)
    rates = [np.cumsum(np.bincount(group, weights=rows)) / rows.sum() for rows in (~positive, positive)]
    return np.concatenate([[0.0], rates[0]]), np.concatenate([[0.0], rates[1]])


def _f1_macro(actual: NDArray[np.intp], labels: NDArray[np.intp], classes: int, resamples: Resamples) -> Float64Array:
    true = resamples.sums_by(actual, classes)
    predicted = resamples.sums_by(labels, classes)
    # One group more takes the rows that were answered wrong.
    hits = resamples.sums_by(np.where(labels == actual, actual, classes), classes + 1)[:, :classes]
    either = true + predicted
    f1 = np.divide(2 * hits, either, out=np.full_like(either, np.nan), where=either > 0)
    return _mean_of_defined(list(f1.T))


def _roc_auc(positive: NDArray[np.bool_], score: Float64Array, resamples: Resamples) -> Float64Array:
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


def _mean_of_defined(columns: list[Float64Array]) -> Float64Array:
    table = np.stack(columns)
    defined = np.isfinite(table)
    number = defined.sum(axis=0)
    total = np.where(defined, table, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, number, out=np.full(table.shape[1], np.nan), where=number > 0))
