"""Dates."""

from typing import Any, Literal

from molino.contracts.features.base import Cell
from molino.contracts.features.dated import Dated

DatePart = Literal["age", "year", "month", "day", "weekday", "day_of_year"]
"""`age` counts days since the reference, `weekday` from Monday as 0."""


class Date(Dated):
    """A day; of a cell with a time the day alone counts."""

    hours = 24
    written = "a date such as 2026-01-31"

    type: Literal["date"]
    parts: tuple[DatePart, ...] = ("age", "year", "month", "day", "weekday", "day_of_year")
    """Which numbers candidates are given of it."""

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return the day as ISO 8601 has it."""
        return str(value.isoformat()[:10])
