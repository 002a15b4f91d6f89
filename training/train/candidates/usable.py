"""Whether an estimator can be a candidate at all, which is asked before it is fitted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from molino.contracts.errors import MolinoError, StepError
from training.train.candidates.converted import unconvertible


def first_line(error: BaseException) -> str:
    """Return the first line of what an error of another's code says."""
    return str(error).strip().partition("\n")[0]


@contextmanager
def told_of(name: str, what: str) -> Iterator[None]:
    """Tell what another's code raises as a fault of a candidate, in one line.

    Raises:
        StepError: names what was asked of it, and what it says.
    """
    try:
        yield
    except MolinoError:
        raise
    except Exception as error:  # of whatever kind: it isn't our code
        raise StepError(f"{name} can't {what}: {type(error).__name__}: {first_line(error)}") from error


def unusable(estimator: Any, task: str) -> str | None:
    """Return why an estimator can't be a candidate of a task, if so."""
    from sklearn.base import is_classifier, is_regressor

    name = type(estimator).__name__
    try:
        fits = (is_regressor if task == "regression" else is_classifier)(estimator)
    except Exception as error:  # of whatever kind: it asks the estimators within, which may be none
        return f"{name} can't be made of its parameters: {first_line(error)}"
    if not fits:
        return f"{name} is no {'regressor' if task == 'regression' else 'classifier'}, which a {task} asks for"
    if task == "classification" and not hasattr(estimator, "predict_proba"):
        return f"{name} answers no probabilities"
    return unconvertible(estimator)
