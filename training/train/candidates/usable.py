"""Whether an estimator can be a candidate at all, which is asked before it is fitted."""

from typing import Any

from training.train.candidates.converted import unconvertible


def unusable(estimator: Any, task: str) -> str | None:
    """Return why an estimator can't be a candidate of a task, if so."""
    from sklearn.base import is_classifier, is_regressor

    name = type(estimator).__name__
    if not (is_regressor if task == "regression" else is_classifier)(estimator):
        return f"{name} is no {'regressor' if task == 'regression' else 'classifier'}, which a {task} asks for"
    if task == "classification" and not hasattr(estimator, "predict_proba"):
        return f"{name} answers no probabilities"
    return unconvertible(estimator)
