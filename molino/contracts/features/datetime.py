"""Times."""

from typing import Any, Literal

from molino.contracts.features.base import Cell
from molino.contracts.features.date import DatePart
from molino.contracts.features.dated import Dated
from molino.contracts.moments import as_moment


class Datetime(Dated):
    """A day and a time, to the hour: whole hours are exact in the 32-bit floats of a graph over four thousand years."""

    hours = 1
    written = "a date and time such as 2026-01-31T12:30:00"

    type: Literal["datetime"]
    parts: tuple[DatePart | Literal["hour"], ...] = ("age", "year", "month", "day", "weekday", "day_of_year", "hour")
    """Which numbers candidates are given of it."""

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return the time as ISO 8601 has it, to the second."""
        return as_moment(value).isoformat(timespec="seconds")
