"""The kinds of candidate that a model file may name, one module each."""

import importlib

from molino.contracts.model_file import Candidate
from training.train.candidates.contract import Material, Trained


def fit(candidate: Candidate, material: Material) -> Trained:
    """Train a candidate: its kind is the name of the module that knows how."""
    trained: Trained = importlib.import_module(f"training.train.candidates.{candidate.kind}").fit(candidate, material)
    return trained
