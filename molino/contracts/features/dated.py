"""What dates and times share."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, model_validator

from molino.contracts.contradictions import Contradiction, Key
from molino.contracts.features.base import Feature
from molino.contracts.moments import UNIX, code_of, end_of, is_format, moment_in


def _is_moment(text: str) -> str:
    if moment_in(text) is None:
        raise ValueError("expected a date such as 2026-01-31 or 2026-01-31T12:30")
    return text


def _is_format(form: str) -> str:
    if not is_format(form):
        raise ValueError(f"expected a pattern of strptime with the year, such as '%d.%m.%Y', or {' or '.join(UNIX)}")
    return form


Instant = Annotated[str, AfterValidator(_is_moment)]
"""A date or time of a model file."""


class Dated(Feature):
    """A date or time: how cells are written, and which numbers candidates are given of it.

    A cell with a zone is taken in UTC, one without as it stands. Requests give ISO 8601, whatever the format of cells.
    """

    hours: ClassVar[int]
    """Hours of a step of the codes, which count from 2000-01-01 and are what enters a graph."""
    written: ClassVar[str]
    """How a value is written, for errors."""

    format: Annotated[str, AfterValidator(_is_format)] | None = None
    """How the source's cells are written, as a pattern of `strptime` such as %d.%m.%Y, or `unix` or `unix_ms`; as
    ISO 8601 has it when not given."""
    minimum: Instant | None = None
    """The earliest value, such as 2026-01-31."""
    maximum: Instant | None = None
    """The latest value; one without a time includes its day."""
    parts: tuple[str, ...]
    cyclic: bool = True
    """Whether networks and linear models are given months, days, weekdays and hours as sine and cosine, so that
    December lies beside January; trees are given the numbers."""
    reference: Instant = "2000-01-01"
    """What `age` is counted from, in days."""

    @model_validator(mode="after")
    def _names_each_part_once(self) -> Self:
        if not self.parts or len(set(self.parts)) < len(self.parts):
            raise ValueError(f"expected one part at least, each once, got {', '.join(self.parts) or 'none'}")
        return self

    @property
    def earliest(self) -> datetime | None:
        """The least value."""
        return None if self.minimum is None else moment_in(self.minimum)

    @property
    def latest(self) -> datetime | None:
        """The greatest value."""
        return None if self.maximum is None else end_of(self.maximum)

    def contradictions(self, key: Key, missing: tuple[str, ...]) -> Iterator[Contradiction]:
        """Yield a range that holds nothing."""
        del missing
        if self.earliest and self.latest and self.earliest > self.latest:
            yield (*key, "minimum"), f"expected no later than maximum, which is {self.maximum}"

    def asked_for(self, value: float | int | bool | str) -> str | None:
        """Ask for ISO 8601."""
        return None if isinstance(value, str) and moment_in(value) is not None else self.written

    def released(self, learnt: tuple[str, ...] | None) -> dict[str, Any]:
        """Return the keys, the range by names of its own: that of a release is of numbers."""
        keys = super().released(learnt)
        return keys | {"minimum": None, "maximum": None, "earliest": self.minimum, "latest": self.maximum}

    def code(self, moment: datetime) -> int:
        """Return a moment as what enters a graph."""
        return code_of(moment, self.hours)
