"""The kinds of candidate that a model file may name, one module each."""

import importlib
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from molino.contracts.contradictions import Contradiction
from molino.contracts.model_file import Candidate, LoadedModel, ModelFile
from training.features.fitted import Float32Array
from training.train.candidates.contract import Material, Trained

FIRST = "FIRST"
"""What a kind's module calls the packages that are slow to load after all others."""
LIBRARIES = "LIBRARIES"
"""What it calls the others that are slow to load."""


def slow_imports(candidates: Iterable[Candidate], which: str) -> list[str]:
    """Return the modules that the kinds of some candidates name in `FIRST` or in `LIBRARIES`."""
    kinds = {candidate.kind: candidate for candidate in candidates}.values()
    return [name for kind in kinds for name in getattr(_module_of(kind), which, ())]


def import_first(candidates: Iterable[Candidate]) -> None:
    """Import what the kinds of some candidates name in `FIRST`."""
    for name in slow_imports(candidates, FIRST):
        importlib.import_module(name)


def fit(candidate: Candidate, material: Material) -> Trained:
    """Train a candidate: its kind is the name of the module that knows how."""
    trained: Trained = _module_of(candidate).fit(candidate, material)
    return trained


def faults(candidate: Candidate, loaded: LoadedModel) -> Iterator[Contradiction]:
    """Yield what is wrong with a candidate that only the library of its kind can tell; each key is the candidate's."""
    find = getattr(_module_of(candidate), "faults", None)
    yield from find(candidate, loaded) if find else ()


def _module_of(candidate: Candidate) -> ModuleType:
    return importlib.import_module(f"training.train.candidates.{candidate.kind}")


def bounded(model: ModelFile, trained: Trained) -> Callable[[Float32Array], NDArray[np.float64]]:
    """Return a candidate's answers, of a regression cut to the bounds that the model file gives of the target.

    A graph does the same.
    """
    low, high = model.target.minimum, model.target.maximum
    if low is None and high is None:
        return trained.predict
    return lambda features: np.clip(trained.predict(features), low, high)
