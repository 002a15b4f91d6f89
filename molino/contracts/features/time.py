"""Times of a day."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator

from molino.contracts.clock import clock_in, is_clock_format
from molino.contracts.features.base import Cell, Feature


def _is_format(form: str) -> str:
    if not is_clock_format(form):
        raise ValueError("expected a pattern of strptime with the hour, such as '%Hh%M' or '%I.%M %p'")
    return form


class Time(Feature):
    """A time of a day, without the day, to the second: 9:05, 09:05:30 or 9:05 PM in a source as in a request."""

    ordered = False
    timed = True
    written: ClassVar[str] = "a time of a day such as 10:30"
    """How a value is written, for errors."""

    type: Literal["time"]
    format: Annotated[str, AfterValidator(_is_format)] | None = None
    """How the source's cells are written, as a pattern of `strptime` such as %Hh%M; with colons when not given."""
    cyclic: bool = True
    """Whether networks and linear models are given it as sine and cosine, so that 23:59 lies beside 0:00; trees are
    given the number."""

    def asked_for(self, value: float | int | bool | str) -> str | None:
        """Ask for hours and minutes with colons."""
        return None if isinstance(value, str) and clock_in(value) is not None else self.written

    @classmethod
    def as_json(cls, value: Any) -> Cell:
        """Return hours, minutes and seconds."""
        return str(value.isoformat(timespec="seconds"))
