"""The kinds of candidate that a model file may name, one module each."""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from molino.contracts.contradictions import Contradiction
from molino.contracts.model_file import Candidate, LoadedModel, ModelFile
from training.features.fitted import Float32Array
from training.train.candidates.contract import Material, Trained
from training.train.candidates.decided import decided
from training.train.candidates.transformed import Transformed, on_scale, scale_of

FIRST = "FIRST"
"""What a kind's module calls the packages that are slow to load after all others."""
LIBRARIES = "LIBRARIES"
"""What it calls the others that are slow to load."""

OPENMP = "where OpenMP is missing: apt-get install libgomp1 on Debian and Ubuntu, brew install libomp on macOS"


def slow_imports(candidates: Iterable[Candidate], which: str) -> list[str]:
    """Return the modules that the kinds of some candidates name in `FIRST` or in `LIBRARIES`."""
    kinds = {candidate.kind: candidate for candidate in candidates}.values()
    return [name for kind in kinds for name in getattr(_module_of(kind), which, ())]


def import_first(candidates: Iterable[Candidate]) -> None:
    """Import what the kinds of some candidates name in `FIRST`."""
    for name in slow_imports(candidates, FIRST):
        importlib.import_module(name)


def fit(candidate: Candidate, material: Material) -> Trained:
    """Train a candidate: its kind is the name of the module that knows how.

    Where the model file has a transform of the target, it is fitted to that; the members of an ensemble have been.
    """
    scale = None if candidate.blends else scale_of(material)
    trained: Trained = _module_of(candidate).fit(candidate, on_scale(material, scale) if scale else material)
    return Transformed(trained, scale) if scale else decided(trained, material)


def faults(candidate: Candidate, loaded: LoadedModel) -> Iterator[Contradiction]:
    """Yield what is wrong with a candidate that only the library of its kind can tell; each key is the candidate's."""
    find = getattr(_module_of(candidate), "faults", None)
    try:
        yield from find(candidate, loaded) if find else ()
    except OSError as error:  # of the dynamic linker
        cause = str(error).partition("\n")[0]
        yield ("kind",), f"its library can't be loaded: {cause}; {OPENMP}"


def _module_of(candidate: Candidate) -> ModuleType:
    return importlib.import_module(f"training.train.candidates.{candidate.kind}")


def bounded(model: ModelFile, trained: Trained) -> Callable[[Float32Array], NDArray[np.float64]]:
    """Return a candidate's answers, of a regression cut to the bounds that the model file gives of the target.

    A graph does the same.
    """
    return lambda features: _cut(model, trained.predict(features))


def judged_by(material: Material, trained: Trained) -> Callable[[Float32Array], NDArray[np.float64]]:
    """Return the answers to validation rows that a candidate is judged by: its own, where it keeps no `judged`.

    A kind keeps some that has learnt from the target of these rows, by a part of it that knew nothing of the row.
    """
    kept = getattr(trained, "judged", None)
    return bounded(material.model, trained) if kept is None else lambda _: _cut(material.model, kept)


def weights_of(trained: Trained) -> Mapping[str, float]:
    """Return how much each member of an ensemble counts; nothing of any other kind."""
    found: Mapping[str, float] = getattr(trained, "weights", {})
    return found


def _cut(model: ModelFile, answers: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = model.target.minimum, model.target.maximum
    return answers if low is None and high is None else np.clip(answers, low, high)
