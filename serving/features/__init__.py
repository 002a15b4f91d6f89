"""The types of feature that serving answers: a module each, with all that serving does of such a feature."""

import importlib
import pkgutil
from collections.abc import Mapping

from molino.contracts.errors import ReleaseError
from molino.contracts.release import Release
from serving.features.base import ServedFeature

__all__ = ["FEATURES", "ServedFeature", "serve_features"]


def _find_types() -> Mapping[str, type[ServedFeature]]:
    """Return name to class of every type; the module `<type>` defines the class whose `type` is its name."""
    found: dict[str, type[ServedFeature]] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        for defined in vars(importlib.import_module(f"{__name__}.{name}")).values():
            if isinstance(defined, type) and issubclass(defined, ServedFeature) and vars(defined).get("type") == name:
                found[name] = defined
    return found


FEATURES = _find_types()


def serve_features(release: Release) -> tuple[ServedFeature, ...]:
    """Return what serves each feature of a release, in feature order.

    Raises:
        ReleaseError: a feature is of a type that serving doesn't know.
    """
    refuses = release.serving.get("out_of_range", "accept") == "refuse"
    served: list[ServedFeature] = []
    for feature in release.features:
        kind = FEATURES.get(feature.type)
        if kind is None:
            raise ReleaseError(
                f"release {release.name} {release.version}: feature {feature.name} is of type {feature.type!r}, which "
                f"this server doesn't know; it knows {', '.join(FEATURES)}"
            )
        served.append(kind(feature, refuses))
    return tuple(served)
