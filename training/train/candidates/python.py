"""What a Python file of one's own makes: an estimator, or a Keras model. Here alone that file is run."""

import hashlib
import inspect
import re
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
from training.train.candidates.keras_mlp import load_tensorflow
from training.train.candidates.keras_model import KerasModel, fit_keras, is_keras, wrong_answer
from training.train.candidates.sklearn_model import SKOPS
from training.train.candidates.usable import first_line, unusable, without_graph
from training.train.candidates.weights import refused, weighted

FIRST = (SKOPS,)
SEED = "random_state"
METHODS = ("fit", "predict", "get_params", "set_params")
"""Of its class: one that is made of others may have some only once it is fitted."""
OWN = "molino_own_"
"""Begins the name of the module that a file becomes."""
NETWORK = re.compile(rb"\b(keras|tensorflow)\b")
"""Is in a file that makes a Keras model."""
OF_KERAS = ("epochs", "batch_size", "patience")
"""Keys that are a Keras model's alone."""


def faults(candidate: Python, loaded: LoadedModel) -> Iterator[Contradiction]:
    """Yield why the file makes nothing, or nothing that can be a candidate."""
    classes = len(loaded.file.target.classes or ())
    try:
        found = made(candidate, loaded.code, {"width": len(loaded.file.features), "classes": classes})
    except StepError as error:
        yield ("file",), str(error)
        return
    if is_keras(found):
        problem = wrong_answer(found, classes)
    else:
        task, width = loaded.file.task, len(loaded.file.features)
        problem = unusable(found, task) or (refused(found) if loaded.file.weighted else None)
        problem = problem or without_graph(found, task, width)
        for key in OF_KERAS:
            if getattr(candidate, key) is not None:
                yield (key,), f"this key is a Keras model's, and {candidate.function} returns {type(found).__name__}"
    if problem:
        yield ("file",), problem


def fit(candidate: Python, material: Material) -> Estimator | KerasModel:
    """Train on the rows in memory, in their dense form."""
    form, rows = Dense(material.encoding), material.train
    found = made(candidate, material.code, {"width": form.width, "classes": material.classes}, material.seed)
    shown = {"code_sha256": hashlib.sha256(material.code[candidate.file]).hexdigest()}
    if is_keras(found):
        return fit_keras(found, candidate, material, shown)
    refuse_too_large(material, form)
    found.set_params(**_open_seeds(found, material.seed))
    try:
        fitted = found.fit(exact(form(rows.features)), rows.target, **weighted(found, rows))
    except (Exception, SystemExit) as error:  # of whatever kind: it is not our code
        raise StepError(_told(candidate.file, error)) from error
    return Estimator(fitted, form, len(rows), shown)


def made(candidate: Python, code: Mapping[str, bytes], rows: Mapping[str, int], seed: int = 0) -> Any:
    """Run the file, and return what its function makes of the parameters.

    Args:
        candidate: names file and function.
        code: the files.
        rows: their width, and the classes of the target: for a function that wants them and gives no default.
        seed: of a Keras model's first weights.

    Raises:
        StepError: says where it fails, or what it lacks.
    """
    if NETWORK.search(code[candidate.file]):
        load_tensorflow(seed)
    module = ModuleType(OWN + candidate.file.removesuffix(".py"))
    sys.modules[module.__name__] = module  # by which a class of the file is found again
    try:
        exec(compile(code[candidate.file], candidate.file, "exec"), module.__dict__)  # noqa: S102
        function = getattr(module, candidate.function, None)
        if not callable(function):
            raise StepError(f"{candidate.file} has no function {candidate.function}")
        found = function(**_wanted(function, rows) | candidate.parameters)
    except StepError:
        raise
    except (Exception, SystemExit) as error:  # of whatever kind: it is not our code
        raise StepError(_told(candidate.file, error)) from error
    if is_keras(found):
        return found
    if isinstance(found, type) or not all(hasattr(type(found), name) for name in METHODS):
        raise StepError(
            f"{candidate.function} of {candidate.file} returns {type(found).__name__}; expected an estimator or "
            "pipeline of scikit-learn that isn't fitted yet, or a Keras model"
        )
    return found


def _wanted(function: Any, rows: Mapping[str, int]) -> dict[str, Any]:
    """Return what a function wants to know of the rows."""
    try:
        taken = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of one that isn't written in Python
        return {}
    return {name: rows[name] for name in rows if name in taken and taken[name].default is inspect.Parameter.empty}


def _open_seeds(estimator: Any, seed: int) -> dict[str, int]:
    """Return the seed for each part of an estimator that takes one and has none."""
    return {
        name: seed
        for name, value in estimator.get_params(deep=True).items()
        if value is None and name.rpartition("__")[2] == SEED
    }


def _told(file: str, error: BaseException) -> str:
    """Return a failure of one's own code as one line, with the line of the file."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    said = first_line(error)
    if isinstance(error, ModuleNotFoundError):
        said += (
            "; the file travels alone, and may import what the step train has: numpy, scikit-learn, keras and others"
        )
    return f"{file}{f':{line}' if line else ''}: {type(error).__name__}: {said}"
