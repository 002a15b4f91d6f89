"""Whole numbers."""

from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic.config import JsonDict

from molino.contracts.features.base import Cell
from molino.contracts.features.numeric import Numeric, is_number

LARGEST = 2**24
"""Whole numbers up to this size are exact in the 32-bit floats of a graph."""
EXACT: JsonDict = {"minimum": -LARGEST, "maximum": LARGEST}
"""The same for editors."""


class Integer(Numeric):
    """A whole number, exact in 32-bit floats (at most 2**24 in size)."""

    type: Literal["integer"]
    minimum: int | None = Field(default=None, json_schema_extra=EXACT)
    maximum: int | None = Field(default=None, json_schema_extra=EXACT)

    @field_validator("minimum", "maximum")
    @classmethod
    def _is_exact(cls, bound: int | None) -> int | None:
        if bound is not None and abs(bound) > LARGEST:
            raise ValueError(
                f"expected -{LARGEST} to {LARGEST}, beyond which 32-bit floats skip whole numbers; use type: number"
            )
        return bound

    def asked_for(self, value: float | int | bool | str) -> str | None:
        """Ask for a whole number, within what is exact."""
        exact = is_number(value) and float(value).is_integer() and abs(float(value)) <= LARGEST
        return None if exact else "a whole number"

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return the whole number; one that isn't whole as it is, so that it is refused."""
        return int(value) if value % 1 == 0 else float(value)
