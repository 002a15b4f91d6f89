"""Whether an estimator can be a candidate at all, which is asked before it is fitted."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from molino.contracts.errors import MolinoError, StepError
from training.train.candidates.converted import convert, unconvertible

TRIED_ROWS = 64


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
    from sklearn.utils import get_tags

    name = type(estimator).__name__
    try:
        fits = (is_regressor if task == "regression" else is_classifier)(estimator)
        answers_shares = hasattr(estimator, "predict_proba") or _stacks_by_default(estimator)
        tags = get_tags(estimator)
    except Exception as error:  # of whatever kind: it asks the estimators within, which may be none
        return f"{name} can't be made of its parameters: {first_line(error)}"
    if not fits:
        return f"{name} is no {'regressor' if task == 'regression' else 'classifier'}, which a {task} asks for"
    if task == "classification" and not answers_shares:
        return f"{name} answers no probabilities"
    if not tags.target_tags.single_output:
        return f"{name} answers several targets at a time"
    if tags.input_tags.positive_only:
        return f"{name} takes no number below 0, and rows are normalised"
    return unconvertible(estimator)


def _stacks_by_default(estimator: Any) -> bool:
    """Tell whether an estimator stacks others by the logistic regression that scikit-learn takes where none is given.

    Until it is fitted, it has no method of answers.
    """
    return getattr(estimator, "final_estimator", estimator) is None


def without_graph(estimator: Any, task: str, width: int) -> str | None:
    """Return why an estimator can't become a graph once it is fitted, by rows of noise; none where they tell nothing.

    Args:
        estimator: one that may be fitted here, and is thrown away.
        task: regression or classification.
        width: columns of the rows.
    """
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(TRIED_ROWS, width))
    target = rng.uniform(1, 2, TRIED_ROWS) if task == "regression" else np.arange(TRIED_ROWS) % 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = estimator.fit(rows, target)
    except Exception:  # of whatever kind: other rows may do
        return None
    try:
        convert(fitted, width)
    except StepError as error:
        return str(error)
    return None


@cache
def usable_estimators(task: str) -> list[str]:
    """Return the names of the estimators of scikit-learn that can be candidates of a task, and need no parameter."""
    from sklearn.utils import all_estimators

    found = []
    for name, kind in all_estimators(type_filter="regressor" if task == "regression" else "classifier"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", FutureWarning)
                estimator = kind()
        except (TypeError, FutureWarning):  # it must be given another estimator, or is about to go
            continue
        if not unusable(estimator, task):
            found.append(name)
    return found
