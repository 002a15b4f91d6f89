"""Dates and times as text and as numbers, wherever they come from: a source's cell, a model file, a request."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone

from molino.contracts.clock import clock_in

ORIGIN = datetime(2000, 1, 1)
"""What the codes of dates and times count from."""
EPOCH = datetime(1970, 1, 1)
UNIX = {"unix": timedelta(seconds=1), "unix_ms": timedelta(milliseconds=1)}
"""Formats that are no pattern: numbers of such steps since 1970."""
ISO = re.compile(
    r"(\d{4})([-/])(\d\d?)\2(\d\d?)"
    r"(?:[Tt ](\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?: ?(?:Z|z|UTC|GMT|([+-]\d\d):?(\d\d)?))?)?",
    re.ASCII,
)
DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%Y%m%d", "%d %b %Y", "%d %B %Y",
        "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%y", "%Y-%m-%d",
        "%Y/%m/%d", "%a, %d %b %Y")  # fmt: skip
TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S GMT", " %H:%M:%S %z")
USUAL_FORMATS = tuple(day + clock for day in DAYS for clock in TIMES)
"""How dates and times are most often written where not as ISO 8601 has them, days before months."""
CERTAIN = datetime(2026, 12, 31)
"""A date that no other order of its parts gives."""


def moment_in(text: str, form: str | None = None) -> datetime | None:
    """Return the date and time that a tidy text gives, in UTC and without a zone; none where it gives none.

    A text without a zone is taken as it stands, one without a time as midnight.

    Args:
        text: to read.
        form: `unix`, `unix_ms` or a pattern of `strptime`; as ISO 8601 has it where none: 2026-01-31,
            2026-01-31T12:30, 2026-01-31 12:30:00.5+02:00; a slash may stand for the dash, a blank for the T. Whatever
            msgspec reads as RFC 3339 is read, and means the same: serving reads the usual spelling by it.
    """
    try:
        if form is None:
            return _iso(text)
        if form in UNIX:
            return EPOCH + float(text) * UNIX[form]
        read = datetime.strptime(text, form)
        return read if read.tzinfo is None else read.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> datetime | None:
    found = ISO.fullmatch(text)
    if found is None:
        return None
    year, _, month, day, hour, minute, second, fraction, zone_hours, zone_minutes = found.groups("0")
    read = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))
    read += timedelta(microseconds=(int(f"{fraction:0<7}"[:7]) + 5) // 10)
    if found[9] is None:
        return read
    sign = -1 if zone_hours.startswith("-") else 1
    zone = timezone(timedelta(hours=int(zone_hours), minutes=sign * int(zone_minutes)))
    return as_moment(read.replace(tzinfo=zone))


def end_of(text: str) -> datetime | None:
    """Return the last moment that an ISO text means: of one without a time, the end of its day."""
    found = moment_in(text)
    return datetime.combine(found, time.max) if found is not None and ":" not in text else found


def is_format(form: str) -> bool:
    """Tell whether a text is a format by which dates can be read again, its year at least."""
    if form in UNIX:
        return True
    try:
        read = moment_in(CERTAIN.replace(tzinfo=UTC).strftime(form), form)
    except ValueError:
        return False
    return read is not None and read.year == CERTAIN.year


def format_of(texts: Iterable[str]) -> str | None:
    """Return the first of the usual formats that reads every text; none where none does."""
    wanted = list(texts)
    fitting = [form for form in USUAL_FORMATS if wanted and moment_in(wanted[0], form) is not None]
    return next((form for form in fitting if all(moment_in(text, form) is not None for text in wanted)), None)


def hint_for_date(cell: str) -> str:
    """Return which keys of a feature would have a cell that is no number read as a date; empty where none would."""
    kind = "datetime" if ":" in cell else "date"
    if moment_in(cell) is not None:
        return f"; for dates and times set type: {kind}"
    form = format_of([cell])
    return f"; for dates and times set type: {kind} and format: {form!r}" if form else hint_for_clock(cell)


def hint_for_clock(cell: str) -> str:
    """Return which type of feature reads a cell as a time of a day; empty where none does."""
    return "; for times of a day set type: time" if clock_in(cell) is not None else ""


def as_moment(value: date) -> datetime:
    """Return a date or a time, with a zone or without, as a moment in UTC without one; a date as its midnight."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time.min)
    try:
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return value.replace(tzinfo=None)


def code_of(moment: datetime, hours: int) -> int:
    """Return how many whole steps of so many hours a moment is after 2000-01-01, negative before it."""
    return (moment - ORIGIN) // timedelta(hours=hours)


def of_code(code: float, hours: int) -> datetime:
    """Return the moment of a code."""
    return ORIGIN + timedelta(hours=hours) * code
