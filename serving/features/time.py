"""Times of a day: 10:30 in a request, whole seconds since midnight in the graph."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import DTypeLike, NDArray

from molino.contracts.clock import clock_in, seconds_of
from molino.contracts.features.time import Time as Section
from molino.contracts.release import Reference
from serving.features.base import ServedFeature
from serving.features.number import binned, present_numbers
from serving.features.wording import name_of

PLAIN = r"^([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
"""The usual spelling."""


class Time(ServedFeature):
    """A time of a day, of a text that `clock_in` reads."""

    type = "time"
    dtypes = frozenset({"float32"})
    datatypes = frozenset({"BYTES"})
    datatype = "BYTES"
    plain = False
    whole = True

    @property
    def expected(self) -> str:
        """What a value must be, in the words of an error."""
        return Section.written

    def json_type(self) -> Any:
        """Return the type by which msgspec reads the usual spelling."""
        return Annotated[str, Meta(pattern=PLAIN)]

    def present(self, value: Any) -> str:
        """Return the text."""
        if not isinstance(value, str) or clock_in(value.strip()) is None:
            raise ValueError(f"expected {self.expected}, got {name_of(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value that is there."""
        return {"type": "string", "pattern": PLAIN, "examples": ["10:30"]}

    def tensor(self, values: Sequence[Any], dtype: DTypeLike) -> NDArray[Any]:
        """Return whole seconds since midnight, NaN where missing."""
        clocks = (None if value is None else clock_in(value.strip()) for value in values)
        return np.array([math.nan if clock is None else seconds_of(clock) for clock in clocks], dtype)

    def count(self, column: NDArray[Any], reference: Reference) -> list[int]:
        """Return missing, none outside, and the count between each two edges."""
        present = present_numbers(column)
        return [len(column) - len(present), 0, *binned(present, reference)]

    def field(self) -> dict[str, Any]:
        """Return its field of the page's form."""
        return {"sends": "string", "input": {"type": "time", "step": "1"}}
