"""Dates and times as text: one rule for a source's cells, a model file and a request."""

from datetime import UTC, date, datetime, timedelta, timezone

import msgspec
import pytest

from molino.contracts.moments import (
    USUAL_FORMATS,
    as_moment,
    code_of,
    end_of,
    format_of,
    hint_for_date,
    is_format,
    moment_in,
    of_code,
)

READ = {
    "2026-01-31": datetime(2026, 1, 31),
    "2026/1/3": datetime(2026, 1, 3),
    "0001-01-01": datetime(1, 1, 1),
    "9999-12-31": datetime(9999, 12, 31),
    "2024-02-29": datetime(2024, 2, 29),
    "2026-01-31T12:30": datetime(2026, 1, 31, 12, 30),
    "2026-01-31 12:30:45": datetime(2026, 1, 31, 12, 30, 45),
    "2026-01-31 12:30:45,5": datetime(2026, 1, 31, 12, 30, 45, 500_000),
    "2026-01-31T12:30:45.123456789": datetime(2026, 1, 31, 12, 30, 45, 123_457),
    "2026-01-31T23:59:59.9999996": datetime(2026, 2, 1),
    "2026-01-31t12:30:00z": datetime(2026, 1, 31, 12, 30),
    "0001-01-01T00:00+05:00": datetime(1, 1, 1),
    "2026-01-31T12:30:00Z": datetime(2026, 1, 31, 12, 30),
    "2026-01-31T00:30:00+02:00": datetime(2026, 1, 30, 22, 30),
    "2026-01-31T12:30:00-0530": datetime(2026, 1, 31, 18, 0),
    "2026-01-31 12:30 +01": datetime(2026, 1, 31, 11, 30),
}


@pytest.mark.parametrize(("text", "moment"), READ.items(), ids=READ)
def test_iso_8601_is_read(text: str, moment: datetime) -> None:
    assert moment_in(text) == moment


@pytest.mark.parametrize(
    "text",
    ["", "today", "2026", "2026-01", "2026-02-30", "2023-02-29", "2026-13-01", "2026-01/31", "31.01.2026", "20260131",
     "2026-01-31T", "2026-01-31T12", "2026-01-31T24:00", "2026-01-31T12:60", "2026-01-31Z", "2026-01-31T12:30+25:00",
     "2026-01-31T23:59:60Z", "2026-W05-6", "2026-031", "2026-01-31T12:30:00 CET", "\u0662\u0660\u0662\u0666-01-31",
     "2026-01-31\n"],
)  # fmt: skip
def test_what_is_no_iso_8601_is_none(text: str) -> None:
    assert moment_in(text) is None


DAYS = ["2025-03-16", "2025-3-16", "2025/03/16", "20250316", "2025-075", "2025-W11-7", "0001-01-01", "9999-12-31"]
CLOCKS = ["13:30:00", "13:30", "13", "133000", "3:30:00", "00:00:00", "24:00:00", "23:59:60", "13:60:00", "13:30:00.",
          "13:30:00.5", "13:30:00,5", "13:30:00.1234565", "13:30:00.12345649", "13:30:00.1234567891",
          "23:59:59.9999995"]  # fmt: skip
ZONES = [
    "",
    "Z",
    "z",
    " Z",
    "+02:00",
    "+0200",
    "+02",
    "-00:00",
    "+23:59",
    "+24:00",
    "+02:60",
    " +02:00",
    "UTC",
    "+2:00",
]


@pytest.mark.parametrize("day", DAYS)
def test_what_serving_reads_by_itself_is_the_same_elsewhere(day: str) -> None:
    texts = [day, *(f"{day}{sign}{clock}{zone}" for sign in "Tt _" for clock in CLOCKS for zone in ZONES)]
    for kind in (datetime, date):
        for text in texts:
            try:
                read = as_moment(msgspec.convert(text, kind))
            except msgspec.ValidationError:
                continue
            moment = moment_in(text)
            assert (text, moment if kind is datetime or moment is None else as_moment(moment.date())) == (text, read)


@pytest.mark.parametrize(
    ("text", "form", "moment"),
    [
        ("31.1.2026", "%d.%m.%Y", datetime(2026, 1, 31)),
        ("01/31/26 02:30 PM", "%m/%d/%y %I:%M %p", datetime(2026, 1, 31, 14, 30)),
        ("2026-01", "%Y-%m", datetime(2026, 1, 1)),
        ("Jan 31, 2026", "%b %d, %Y", datetime(2026, 1, 31)),
        ("31.01.2026 02:30 +0200", "%d.%m.%Y %H:%M %z", datetime(2026, 1, 31, 0, 30)),
        ("1769862600", "unix", datetime(2026, 1, 31, 12, 30)),
        ("1769862600500.0", "unix_ms", datetime(2026, 1, 31, 12, 30, 0, 500_000)),
        ("2026-01-31", "%d.%m.%Y", None),
        ("1e300", "unix", None),
        ("nan", "unix", None),
    ],
)
def test_a_format_is_what_cells_have_to_be_like(text: str, form: str, moment: datetime | None) -> None:
    assert moment_in(text, form) == moment


@pytest.mark.parametrize("form", [*USUAL_FORMATS, "%Y", "%Y-%m", "unix", "unix_ms"])
def test_formats_with_a_year_are_formats(form: str) -> None:
    assert is_format(form)


@pytest.mark.parametrize("form", ["", "ISO", "%d.%m.", "%H:%M", "%Q", "%s", "%"])
def test_others_are_none(form: str) -> None:
    assert not is_format(form)


def test_the_format_of_many_texts_is_one_that_reads_them_all() -> None:
    assert format_of(["01/02/2026", "01/31/2026"]) == "%m/%d/%Y"
    assert format_of(["01/02/2026", "31/01/2026"]) == "%d/%m/%Y"
    assert format_of(["1.2.2026 10:30", "31.1.2026 00:00"]) == "%d.%m.%Y %H:%M"
    assert format_of(["01/31/2026", "31/01/2026"]) is None
    assert format_of([]) is None


def test_the_end_of_a_day_is_its_last_moment() -> None:
    assert end_of("2026-01-31") == datetime(2026, 1, 31, 23, 59, 59, 999_999)
    assert end_of("2026-01-31T12:30") == datetime(2026, 1, 31, 12, 30)


def test_a_zone_is_taken_off_in_utc() -> None:
    assert as_moment(datetime(2026, 1, 31, 1, tzinfo=timezone(timedelta(hours=2)))) == datetime(2026, 1, 30, 23)
    assert as_moment(date(2026, 1, 31)) == datetime(2026, 1, 31)
    assert as_moment(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == datetime(1, 1, 1)
    assert as_moment(datetime(2026, 1, 31, tzinfo=UTC)).tzinfo is None


@pytest.mark.parametrize(("moment", "days", "hours"), [
    (datetime(2000, 1, 1), 0, 0),
    (datetime(2000, 1, 2, 1, 59), 1, 25),
    (datetime(1999, 12, 31, 23, 59), -1, -1),
])  # fmt: skip
def test_codes_are_whole_steps_also_before_2000(moment: datetime, days: int, hours: int) -> None:
    assert (code_of(moment, 24), code_of(moment, 1)) == (days, hours)
    assert of_code(days, 24) == datetime(moment.year, moment.month, moment.day)


@pytest.mark.parametrize(("cell", "hint"), [
    ("2024-01-31", "set type: date"),
    ("2024-01-31 10:30", "set type: datetime"),
    ("31.01.2024", "set type: date and format: '%d.%m.%Y'"),
    ("31/01/2024 10:30", "set type: datetime and format: '%d/%m/%Y %H:%M'"),
])  # fmt: skip
def test_a_date_among_numbers_names_the_keys_that_help(cell: str, hint: str) -> None:
    assert hint_for_date(cell).endswith(hint)


@pytest.mark.parametrize("cell", ["0,33", "1.234,5", "x", "12 %", "1'234.5"])
def test_other_cells_have_no_such_hint(cell: str) -> None:
    assert hint_for_date(cell) == ""
