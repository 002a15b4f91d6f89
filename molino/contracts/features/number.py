"""Real numbers."""

from collections.abc import Iterator
from typing import Any, Literal

from molino.contracts.contradictions import Contradiction, Key, reversed_range
from molino.contracts.features.base import Cell, Feature, number_in


class Number(Feature):
    """A real number."""

    type: Literal["number"]
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None

    def contradictions(self, key: Key, missing: tuple[str, ...]) -> Iterator[Contradiction]:
        """Yield a range that holds nothing."""
        del missing
        yield from reversed_range(self, key)

    @classmethod
    def from_cell(cls, cell: str) -> Cell:
        """Return the number."""
        number = number_in(cell)
        return cell if number is None else number

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return the number."""
        return float(value)
