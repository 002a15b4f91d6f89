"""Times of a day as text and as numbers, wherever they come from: a source's cell, a table, a request."""

import re
from collections.abc import Iterable
from datetime import datetime, time

CLOCK = re.compile(r"(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?([AaPp])\.?[Mm]\.?)?", re.ASCII)
USUAL_CLOCKS = ("%Hh%M", "%H h %M", "%Hh", "%H:%M h", "%H.%M", "%H.%M.%S", "%H%M", "%I.%M %p", "%I %p", "%I%p")
"""How times of a day are written where not with colons."""
CERTAIN = datetime(2026, 12, 31, 21, 5)
"""A time that no other order of its parts gives."""


def clock_in(text: str, form: str | None = None) -> time | None:
    """Return the time of a day that a tidy text gives; none where it gives none.

    Args:
        text: to read.
        form: a pattern of `strptime`; where none, 9:05, 09:05:30, 09:05:30.5, 9:05 PM, 12:05 a.m.
    """
    try:
        return _usual(text) if form is None else datetime.strptime(text, form).time()
    except ValueError:
        return None


def _usual(text: str) -> time | None:
    found = CLOCK.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[5]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (found[5] in "Pp")
    return time(hour, minute, second, int(f"{found[4] or '0':0<6}"[:6]))


def is_clock_format(form: str) -> bool:
    """Tell whether a text is a format by which times of a day can be read again, their hour at least."""
    try:
        read = clock_in(CERTAIN.strftime(form), form)
    except ValueError:
        return False
    return read is not None and read.hour == CERTAIN.hour


def clock_format_of(texts: Iterable[str]) -> str | None:
    """Return the first of the usual formats that reads every text; none where none does.

    Minutes and seconds have two digits: 1.2.3 is rather a version.
    """
    wanted = list(texts)
    if any(len(digits) != 2 for text in wanted for digits in re.findall(r"\d+", text)[1:]):
        return None
    return next((form for form in USUAL_CLOCKS if wanted and all(clock_in(text, form) for text in wanted)), None)


def seconds_of(clock: time) -> int:
    """Return the whole seconds since midnight, which are what enters a graph."""
    return 3600 * clock.hour + 60 * clock.minute + clock.second


def of_seconds(seconds: float) -> str:
    """Return whole seconds since midnight as requests give a time."""
    whole = int(seconds)
    return time(whole // 3600, whole // 60 % 60, whole % 60).isoformat()
