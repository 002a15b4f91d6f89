"""What several sections of a model file can have wrong that no single key of them shows."""

from collections.abc import Iterator
from typing import Protocol

Key = tuple[str | int, ...]
Contradiction = tuple[Key, str]
"""A key, and what is wrong with it."""


class Ranged(Protocol):
    """A section with a range."""

    @property
    def minimum(self) -> float | None:
        """The least value."""

    @property
    def maximum(self) -> float | None:
        """The greatest value."""


def reversed_range(part: Ranged, key: Key) -> Iterator[Contradiction]:
    """Yield that a section's minimum is above its maximum."""
    if part.minimum is not None and part.maximum is not None and part.minimum > part.maximum:
        yield (*key, "minimum"), f"expected no more than maximum, which is {part.maximum}"


def unusable_values(values: tuple[str, ...], missing: tuple[str, ...], key: Key) -> Iterator[Contradiction]:
    """Yield listed values that no cell can have; `missing` are the cells that mean no value."""
    for index, value in enumerate(values):
        if value in values[:index]:
            yield (*key, index), f"{value!r} is listed twice; expected each value once"
        if value in missing:
            yield (*key, index), f"{value!r} is also in source.missing, so that no row can have it"
        if value != value.strip():
            yield (*key, index), f"{value!r} has blanks around it, which ingest takes off; expected {value.strip()!r}"
