"""Numbers: 32-bit floats in the graph, counted between the edges of the reference."""

import math
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from molino.contracts.release import Feature, Reference
from serving.features.base import ServedFeature
from serving.features.wording import NUMBER_LIMIT, name_of


class Number(ServedFeature):
    """A number within its range, where the release refuses what lies outside, else within what a graph can take."""

    type = "number"
    limit: ClassVar[float] = NUMBER_LIMIT

    def __init__(self, feature: Feature, refuses_range: bool) -> None:
        super().__init__(feature, refuses_range)
        low, high = (feature.minimum, feature.maximum) if refuses_range else (None, None)
        self.minimum = -self.limit if low is None else max(-self.limit, low)
        self.maximum = self.limit if high is None else min(self.limit, high)

    @property
    def expected(self) -> str:
        """What a value must be, in the words of an error."""
        return "a number"

    def json_type(self) -> Any:
        """Return the type by which msgspec reads it."""
        return Annotated[float, Meta(ge=self.minimum, le=self.maximum)]

    def present(self, value: Any) -> float:
        """Return the number as a float."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"expected {self.expected}, got {name_of(value)}")
        if not -NUMBER_LIMIT <= value <= NUMBER_LIMIT:
            raise ValueError(f"the number is beyond {NUMBER_LIMIT:g}")
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"expected a number from {self.minimum:g} to {self.maximum:g}, got {float(value)!r}")
        return float(value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value that is there."""
        return {"type": self.type, "minimum": _plain(self.minimum), "maximum": _plain(self.maximum)}

    def count(self, column: NDArray[Any], reference: Reference) -> list[int]:
        """Return missing, outside, and the count between each two edges; what lies beyond them is at an end."""
        present = present_numbers(column)
        low = -math.inf if self.feature.minimum is None else np.float32(self.feature.minimum)
        high = math.inf if self.feature.maximum is None else np.float32(self.feature.maximum)
        outside = int(((present < low) | (present > high)).sum())
        return [len(column) - len(present), outside, *binned(present, reference)]

    def field(self) -> dict[str, Any]:
        """Return its field of the page's form."""
        return {"sends": "number", "input": {"type": "number", "step": "any", "inputMode": "decimal"}}


def present_numbers(column: NDArray[Any]) -> NDArray[Any]:
    """Return the values of a tensor that aren't missing."""
    return column[~np.isnan(column)] if column.dtype.kind == "f" else column


def binned(present: NDArray[Any], reference: Reference) -> list[int]:
    """Return how many numbers lie between each two edges of a reference; what lies beyond them is at an end."""
    edges = np.asarray(reference.edges or (0.0, 0.0), np.float32)
    counted: list[int] = np.bincount(
        np.searchsorted(edges[1:-1], present, side="right"), minlength=len(reference.counts)
    ).tolist()
    return counted


def _plain(number: float) -> float | int:
    return int(number) if abs(number) <= 2**53 and number == int(number) else number
