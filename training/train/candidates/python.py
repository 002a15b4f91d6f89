"""An estimator that a Python file of one's own makes. Here alone that file is run."""

import hashlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from molino.contracts.candidates.python import Python
from molino.contracts.contradictions import Contradiction
from molino.contracts.errors import StepError
from molino.contracts.model_file import LoadedModel
from training.train.candidates.contract import Material
from training.train.candidates.estimator import Estimator, exact, refuse_too_large
from training.train.candidates.forms import Dense
from training.train.candidates.usable import unusable
from training.train.candidates.weights import refused, weighted

SEED = "random_state"
METHODS = ("fit", "predict", "get_params", "set_params")
OWN = "molino_own_"
"""Begins the name of the module that a file becomes."""


def faults(candidate: Python, loaded: LoadedModel) -> Iterator[Contradiction]:
    """Yield why the file makes no estimator, or none that can be a candidate."""
    try:
        estimator = made(candidate, loaded.code)
    except StepError as error:
        yield ("file",), str(error)
        return
    problem = unusable(estimator, loaded.file.task) or (refused(estimator) if loaded.file.weighted else None)
    if problem:
        yield ("file",), problem


def fit(candidate: Python, material: Material) -> Estimator:
    """Train on the rows in memory, in their dense form."""
    estimator, form, rows = made(candidate, material.code), Dense(material.encoding), material.train
    refuse_too_large(material, form)
    estimator.set_params(**_open_seeds(estimator, material.seed))
    try:
        fitted = estimator.fit(exact(form(rows.features)), rows.target, **weighted(estimator, rows))
    except Exception as error:  # of whatever kind: it is not our code
        raise StepError(_told(candidate.file, error)) from error
    shown = {"code_sha256": hashlib.sha256(material.code[candidate.file]).hexdigest()}
    return Estimator(fitted, form, len(rows), shown)


def made(candidate: Python, code: Mapping[str, bytes]) -> Any:
    """Run the file, and return what its function makes of the parameters.

    Raises:
        StepError: says where it fails, or what it lacks.
    """
    module = ModuleType(OWN + candidate.file.removesuffix(".py"))
    sys.modules[module.__name__] = module  # by which a class of the file is found again
    try:
        exec(compile(code[candidate.file], candidate.file, "exec"), module.__dict__)  # noqa: S102
        function = getattr(module, candidate.function, None)
        if not callable(function):
            raise StepError(f"{candidate.file} has no function {candidate.function}")
        estimator = function(**candidate.parameters)
    except StepError:
        raise
    except Exception as error:  # of whatever kind: it is not our code
        raise StepError(_told(candidate.file, error)) from error
    if isinstance(estimator, type) or not all(hasattr(estimator, name) for name in METHODS):
        raise StepError(
            f"{candidate.function} of {candidate.file} returns {type(estimator).__name__}; expected an estimator or "
            "pipeline of scikit-learn that isn't fitted yet"
        )
    return estimator


def _open_seeds(estimator: Any, seed: int) -> dict[str, int]:
    """Return the seed for each part of an estimator that takes one and has none."""
    return {
        name: seed
        for name, value in estimator.get_params(deep=True).items()
        if value is None and name.rpartition("__")[2] == SEED
    }


def _told(file: str, error: Exception) -> str:
    """Return a failure of one's own code as one line, with the line of the file."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    said = str(error).strip().partition("\n")[0]
    return f"{file}{f':{line}' if line else ''}: {type(error).__name__}: {said}"
