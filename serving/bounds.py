"""What a number in a request may be at all, from the release and from what a 32-bit float can hold."""

from dataclasses import dataclass

from molino.contracts.release import Feature, Release

NUMBER_LIMIT = 1e30
"""A 32-bit float can hold more, but beyond this a graph's own sums would soon be infinite."""
INTEGER_LIMIT = float(2**24)
"""Up to here every integer is exact in a 32-bit float."""


@dataclass(frozen=True)
class Bounds:
    """Least and greatest accepted value, both included."""

    minimum: float
    maximum: float


def read_bounds(release: Release, feature: Feature) -> Bounds:
    """Return a feature's bounds: its range where the release refuses what lies outside, else the type's."""
    limit = INTEGER_LIMIT if feature.type == "integer" else NUMBER_LIMIT
    if release.serving.get("out_of_range", "accept") != "refuse":
        return Bounds(-limit, limit)
    minimum = -limit if feature.minimum is None else max(-limit, feature.minimum)
    maximum = limit if feature.maximum is None else min(limit, feature.maximum)
    return Bounds(minimum, maximum)


def read_max_rows(release: Release) -> int:
    """Return how many rows one request may have."""
    return int(release.serving.get("max_rows", 10_000))
