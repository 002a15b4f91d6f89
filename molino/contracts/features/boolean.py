"""True or false."""

from typing import Any, Literal

from molino.contracts.features.base import Cell, Feature

TRUTH = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
"""A CSV's cells, in lower case."""


class Boolean(Feature):
    """True or false; in a CSV also 0 and 1."""

    ordered = False

    type: Literal["boolean"]

    @classmethod
    def from_cell(cls, cell: str) -> Cell:
        """Return true or false."""
        return TRUTH.get(cell.lower(), cell)

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return true or false."""
        return bool(value)
