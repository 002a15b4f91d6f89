"""The types of feature, a module each, found by the name that a model file gives."""

from functools import cache
from typing import Any

from molino.contracts.features import Feature
from molino.contracts.variants import class_in
from training.features.base import FeatureType

__all__ = ["FeatureType", "type_of"]


def type_of(feature: Feature) -> FeatureType[Any]:
    """Return a feature of a model file with what its type does.

    The module `training.features.<type>` defines the one class below `FeatureType` that knows.
    """
    return _type_named(feature.type)(feature)


@cache
def _type_named(name: str) -> type[FeatureType[Any]]:
    found = class_in(__name__, name, FeatureType)
    if found is None:
        raise LookupError(f"training/features/{name}.py defines no class below FeatureType")
    return found
