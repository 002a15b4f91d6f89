"""Dates: ISO 8601 in a request, whole steps since 2000-01-01 in the graph."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import DTypeLike, NDArray

from molino.contracts.features import FEATURES as SECTIONS
from molino.contracts.features.dated import Dated
from molino.contracts.moments import as_moment, code_of, end_of, moment_in
from molino.contracts.release import Feature, Reference
from serving.features.base import ServedFeature
from serving.features.number import binned, present_numbers
from serving.features.wording import name_of

NOTHING = Meta(ge=1, le=0)
"""Holds of no number."""


class Date(ServedFeature):
    """A day, of a text that `moment_in` reads as ISO 8601; of one with a time the day alone counts."""

    type = "date"
    dtypes = frozenset({"float32"})
    datatypes = frozenset({"BYTES"})
    datatype = "BYTES"
    plain = False
    whole = True
    read_as: ClassVar[Any] = dt.date
    """The type by which msgspec reads the usual spelling."""
    input: ClassVar[str] = "date"
    """The kind of the form's input."""

    def __init__(self, feature: Feature, refuses_range: bool) -> None:
        super().__init__(feature, refuses_range)
        section = SECTIONS[self.type]
        assert issubclass(section, Dated)
        self.hours, self.written = section.hours, section.written
        earliest, latest = feature.options.get("earliest"), feature.options.get("latest")
        self.earliest = moment_in(earliest) if earliest else None
        self.latest = end_of(latest) if latest else None
        self._range = refuses_range and bool(self.earliest or self.latest)

    @property
    def expected(self) -> str:
        """What a value must be, in the words of an error."""
        return self.written

    def json_type(self) -> Any:
        """Return the type by which msgspec reads it; one that nothing is where a range is to be looked at."""
        return Annotated[int, NOTHING] if self._range else self.read_as

    def present(self, value: Any) -> dt.date:
        """Return the moment."""
        moment = moment_in(value.strip()) if isinstance(value, str) else None
        if moment is None:
            raise ValueError(f"expected {self.expected}, got {name_of(value)}")
        if self._range and not (self.earliest or moment) <= moment <= (self.latest or moment):
            said = [f"from {self.feature.options['earliest']}"] if self.earliest else []
            said += [f"to {self.feature.options['latest']}"] if self.latest else []
            raise ValueError(f"expected {self.expected}, {' '.join(said)}, got {name_of(value)}")
        return moment

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value that is there."""
        return {"type": "string", "format": "date", "examples": ["2026-01-31"]}

    def tensor(self, values: Sequence[Any], dtype: DTypeLike) -> NDArray[Any]:
        """Return moments as whole steps since 2000-01-01, NaN where missing."""
        return np.array(
            [math.nan if value is None else code_of(as_moment(value), self.hours) for value in values], dtype
        )

    def count(self, column: NDArray[Any], reference: Reference) -> list[int]:
        """Return missing, outside, and the count between each two edges; what lies beyond them is at an end."""
        present = present_numbers(column)
        low = -math.inf if self.earliest is None else code_of(self.earliest, self.hours)
        high = math.inf if self.latest is None else code_of(self.latest, self.hours)
        outside = int(((present < low) | (present > high)).sum())
        return [len(column) - len(present), outside, *binned(present, reference)]

    def field(self) -> dict[str, Any]:
        """Return its field of the page's form."""
        return {"sends": "string", "input": {"type": self.input}}
