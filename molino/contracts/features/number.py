"""Real numbers."""

from typing import Any, Literal

from molino.contracts.features.base import Cell
from molino.contracts.features.numeric import Numeric, is_number


class Number(Numeric):
    """A real number."""

    type: Literal["number"]

    def asked_for(self, value: float | int | bool | str) -> str | None:
        """Ask for a number."""
        return None if is_number(value) else "a number"

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return the number."""
        return float(value)
