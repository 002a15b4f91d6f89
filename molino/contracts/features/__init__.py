"""The types of feature that a model file may name: a module each, with its section and what requests may give."""

from typing import TYPE_CHECKING

from molino.contracts.features.base import Cell, Feature
from molino.contracts.variants import find_kinds, union_of

__all__ = ["FEATURES", "AnyFeature", "Cell", "Feature"]

FEATURES = find_kinds(__name__, Feature, "type")
"""Type to class."""

if TYPE_CHECKING:
    AnyFeature = Feature
else:
    AnyFeature = union_of(FEATURES, "type")
