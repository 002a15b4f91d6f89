"""The kinds of candidate that a model file may name, one module each."""

import importlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from molino.contracts.model_file import Candidate, ModelFile
from training.features.fitted import Float32Array
from training.train.candidates.contract import Material, Trained


def fit(candidate: Candidate, material: Material) -> Trained:
    """Train a candidate: its kind is the name of the module that knows how."""
    trained: Trained = importlib.import_module(f"training.train.candidates.{candidate.kind}").fit(candidate, material)
    return trained


def bounded(model: ModelFile, trained: Trained) -> Callable[[Float32Array], NDArray[np.float64]]:
    """Return a candidate's answers, of a regression cut to the bounds that the model file gives of the target.

    A graph does the same.
    """
    low, high = model.target.minimum, model.target.maximum
    if low is None and high is None:
        return trained.predict
    return lambda features: np.clip(trained.predict(features), low, high)
