"""The types of feature that serving answers: a module each, with all that serving does of such a feature."""

from collections.abc import Mapping

from molino.contracts.errors import ReleaseError
from molino.contracts.release import Release
from molino.contracts.variants import class_in, modules_in
from serving.features.base import ServedFeature

__all__ = ["FEATURES", "ServedFeature", "serve_features"]


FEATURES: Mapping[str, type[ServedFeature]] = {
    name: kind for name in modules_in(__name__) if (kind := class_in(__name__, name, ServedFeature))
}
"""Type to class: that which the module of the type's name defines."""


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
