"""The types of feature, a module each, found by the name that a model file gives."""

import importlib
from functools import cache
from typing import Any

from molino.contracts.features import Feature
from training.features.base import FeatureType

__all__ = ["FeatureType", "type_of"]


def type_of(feature: Feature) -> FeatureType[Any]:
    """Return a feature of a model file with what its type does.

    The module `training.features.<type>` defines the one class below `FeatureType` that knows.
    """
    return _type_named(feature.type)(feature)


@cache
def _type_named(name: str) -> type[FeatureType[Any]]:
    module = importlib.import_module(f"{__name__}.{name}")
    (found,) = (
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, FeatureType) and kind.__module__ == module.__name__
    )
    return found
