"""The kinds of candidate that a model file may name: a module each, with its hyperparameters."""

from typing import TYPE_CHECKING

from molino.contracts.candidates.base import Candidate
from molino.contracts.variants import find_kinds, union_of

__all__ = ["CANDIDATES", "AnyCandidate", "Candidate"]

CANDIDATES = find_kinds(__name__, Candidate, "kind")
"""Kind to class."""

if TYPE_CHECKING:
    AnyCandidate = Candidate
else:
    AnyCandidate = union_of(CANDIDATES, "kind")
