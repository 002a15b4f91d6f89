"""An estimator of scikit-learn that the model file names."""

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from molino.contracts.candidates.sklearn import Sklearn
from molino.contracts.contradictions import Contradiction
from molino.contracts.model_file import LoadedModel
from training.train.candidates.contract import Material
from training.train.candidates.estimator import Estimator, exact, refuse_too_large
from training.train.candidates.forms import Dense
from training.train.candidates.sklearn_model import SKOPS
from training.train.candidates.usable import told_of, unusable, usable_estimators
from training.train.candidates.weights import named, refused, weighted

FIRST = (SKOPS,)
SEED = "random_state"


def faults(candidate: Sklearn, loaded: LoadedModel) -> Iterator[Contradiction]:
    """Yield what is wrong with the import path, or with a parameter."""
    kind = _class_of(candidate.estimator)
    if kind is None:
        yield ("estimator",), f"there is no {candidate.estimator}; expected the import path of an estimator"
        return
    wrong = list(_wrong_names(kind, candidate))
    yield from wrong
    if wrong:
        return
    estimator = kind(**candidate.parameters)
    problem = unusable(estimator, loaded.file.task)
    if problem:
        yield ("estimator",), f"{problem}; those that can be: {', '.join(usable_estimators(loaded.file.task))}"
        return
    yield from named(candidate.parameters)
    problem = refused(estimator) if loaded.file.weighted else None
    if problem:
        yield ("estimator",), problem
    yield from _wrong_values(estimator)


def fit(candidate: Sklearn, material: Material) -> Estimator:
    """Train on the rows in memory, in their dense form."""
    kind, parameters = _class_of(candidate.estimator), dict(candidate.parameters)
    assert kind is not None
    if SEED in inspect.signature(kind).parameters:
        parameters.setdefault(SEED, material.seed)
    form, rows = Dense(material.encoding), material.train
    refuse_too_large(material, form)
    estimator = kind(**parameters)
    with told_of(kind.__name__, "be fitted"):
        estimator.fit(exact(form(rows.features)), rows.target, **weighted(estimator, rows))
    return Estimator(estimator, form, len(rows))


def _class_of(path: str) -> type[Any] | None:
    """Return the class at an import path, which the model file holds to scikit-learn; none where there is none."""
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    return found if isinstance(found, type) and hasattr(found, "fit") else None


def _wrong_names(kind: type[Any], candidate: Sklearn) -> Iterator[Contradiction]:
    """Yield parameters that a class doesn't take, and those that it must be given."""
    taken = inspect.signature(kind).parameters
    for name in candidate.parameters:
        if name not in taken:
            yield (
                ("parameters", name),
                f"{kind.__name__} has no such parameter; expected one of {', '.join(taken)}",
            )
    for name, parameter in taken.items():
        if parameter.default is parameter.empty and name not in candidate.parameters:
            yield ("parameters",), f"{kind.__name__} must be given {name}"


def _wrong_values(estimator: Any) -> Iterator[Contradiction]:
    """Yield the value of a parameter that the estimator refuses: it looks at these before it looks at any row."""
    try:
        estimator.fit(np.empty((0, 1)), np.empty(0))
    except Exception as error:  # of any other kind: that there are no rows
        if isinstance(error, ValueError) and isinstance(error, TypeError):
            named = re.search(r"The '(\w+)' parameter", str(error))
            yield ("parameters", *(named.groups() if named else ())), str(error)
