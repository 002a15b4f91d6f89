"""Real numbers."""

from typing import Any, Literal

from molino.contracts.features.base import Cell
from molino.contracts.features.numeric import Numeric


class Number(Numeric):
    """A real number."""

    type: Literal["number"]

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return the number."""
        return float(value)
