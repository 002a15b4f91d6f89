"""True or false."""

from typing import Any, Literal

from molino.contracts.features.base import Cell, Feature

TRUTH = dict.fromkeys(("true", "t", "1", "1.0", "yes", "y", "j", "ja", "on"), True) | dict.fromkeys(
    ("false", "f", "0", "0.0", "no", "n", "nein", "off"), False
)
"""A CSV's cells, in lower case."""


class Boolean(Feature):
    """True or false; in a CSV also 0 and 1, T and F, yes and no, Y, J and N, on and off."""

    ordered = False
    sliced = True

    type: Literal["boolean"]

    def asked_for(self, value: float | int | bool | str) -> str | None:
        """Ask for true or false, or 1 or 0."""
        return None if value in (0, 1) else "true or false"

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return true or false; another number as it is, so that it is refused."""
        return bool(value) if value in (0, 1) else float(value)
