"""What is chosen among the candidates, on validation rows, and what each of them must beat."""

from collections.abc import Sequence

import numpy as np

from molino.contracts.errors import StepError
from molino.contracts.metrics import METRICS
from molino.contracts.model_file import ModelFile
from molino.contracts.results import Baseline, CandidateResult
from training.train.data import Dataset, Rows


def select(model: ModelFile, candidates: Sequence[CandidateResult]) -> str:
    """Return the candidate with the best metric of the model file, on validation rows or by the mean over folds.

    Of two equal ones it is the first.

    Raises:
        StepError: the metric is undefined on the validation rows, or in a fold.
    """
    metric = METRICS[model.metric]
    losses = {one.name: metric.loss(one.validation[model.metric])
              for one in candidates if model.metric in one.validation}  # fmt: skip
    if not losses and model.selection.folds:
        raise StepError(
            f"{model.metric} is undefined on the rows of a fold of {model.name}, {metric.undefined}; give more "
            "rows, fewer selection.folds, split: {kind: stratified}, or another metric in the model file"
        )
    if not losses:
        raise StepError(
            f"{model.metric} is undefined on the validation rows of {model.name}, {metric.undefined}; give more rows, "
            "a larger split.validation, or another metric in the model file"
        )
    return min(losses, key=lambda name: losses[name])


def baseline(dataset: Dataset, train: Rows) -> Baseline:
    """Return what answers without looking at any feature: the mean, or the share of each class, of training rows."""
    classes = dataset.model.target.classes
    if classes is None:
        return Baseline(kind="mean", value=float(np.mean(train.target)), last_value=dataset.last_target())
    counts = np.bincount(train.target, minlength=len(classes))
    return Baseline(kind="prior", probabilities=tuple(float(share) for share in counts / counts.sum()))
