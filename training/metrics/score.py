"""What every metric is, and all metrics of a task on some rows."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.metrics import metrics_of
from molino.contracts.variants import class_in
from training.graphs.graph import Predictions
from training.metrics.resamples import Float64Array, Measure, Resamples


class Score(ABC):
    """How one metric is computed; `training/metrics/<name>.py` has the class of the metric of that name."""

    @abstractmethod
    def samples(self, actual: NDArray[Any], answers: Predictions, resamples: Resamples) -> Float64Array:
        """Return the metric on all rows and on each resample, [1 + resamples]; NaN where it is undefined.

        Args:
            actual: the target; numbers [n] of a regression, positions in the classes [n] of a classification.
            answers: what a model answered for the same rows, finite; labels of a classification are there.
            resamples: made for n rows.
        """


def score_of(name: str) -> Score:
    """Return what computes a metric: the class in the module of its name."""
    kind = class_in("training.metrics", name, Score)
    if kind is None:
        raise LookupError(f"training/metrics/{name}.py defines no class below Score")
    return kind()


def measure(
    actual: NDArray[Any], answers: Predictions, resamples: Resamples, names: Collection[str] | None = None
) -> dict[str, Measure]:
    """Return each metric that is defined on these rows.

    Args:
        actual: the target; numbers [n] of a regression, positions in the classes [n] of a classification.
        answers: what the model answered for the same rows.
        resamples: made for n rows.
        names: of the metrics, such as `ModelFile.metrics`; all of the task where not given.

    Raises:
        StepError: an answer is NaN or infinite.
    """
    wrong = int(len(answers.values) - np.isfinite(answers.values.reshape(len(answers.values), -1)).all(axis=1).sum())
    if wrong:
        raise StepError(f"the graph answers NaN or infinity for {wrong} of {len(answers.values)} held-out rows")
    if names is None:
        names = metrics_of("regression" if answers.labels is None else "classification")
    found = {name: Measure(score_of(name).samples(actual, answers, resamples)) for name in names}
    return {name: one for name, one in found.items() if np.isfinite(one.value)}


def values(actual: NDArray[Any], answers: Predictions, names: Collection[str] | None = None) -> dict[str, float]:
    """Return each metric that is defined on these rows, without resamples: see `measure`."""
    found = measure(actual, answers, Resamples(len(actual), 0, count=0), names)
    return {name: one.value for name, one in found.items()}
