"""Dates and times as features: how cells are read, what is wrong with them, and what an error says."""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tables import Homes

from molino.contracts.errors import MolinoError, SourceError


def homes(folder: Path, data: bytes | None, name: str = "homes.csv", **date_keys: Any) -> Homes:
    features = [{"name": "d", "type": "date"} | date_keys, {"name": "a", "type": "number"}]
    return Homes(folder, data, name, features=features, target={"name": "y"})


def clean(folder: Path, *cells: str, **date_keys: Any) -> list[Any]:
    text = "".join(f"{cell},1,2\n" for cell in cells)
    made = homes(folder, f"d,a,y\n{text}".encode(), **date_keys)
    made.ingest()
    return pl.read_parquet(made.artifact("clean.parquet"))["d"].to_list()


def reasons(folder: Path, *cells: str, **date_keys: Any) -> set[str]:
    clean(folder, "2026-01-15", *cells, **date_keys)
    return set(pl.read_csv(folder / "home/store/runs/homes/r1/ingest/quarantine.csv")["reason"])


def test_days_are_dates_and_times_are_times(tmp_path: Path) -> None:
    assert clean(tmp_path / "1", "2026-01-31", " 2026-01-31 13:30 ") == [date(2026, 1, 31)] * 2
    wanted = [datetime(2026, 1, 31), datetime(2026, 1, 31, 11, 30)]
    assert clean(tmp_path / "2", "2026-01-31", "2026-01-31T13:30+02:00", type="datetime") == wanted


@pytest.mark.parametrize(("cell", "form"), [
    ("31.01.2026", "%d.%m.%Y"), ("1/31/26", "%m/%d/%y"), ("31-Jan-2026", "%d-%b-%Y"), ("20260131", "%Y%m%d"),
    ("1769817600", "unix"), ("1769817600000", "unix_ms"),
])  # fmt: skip
def test_a_format_tells_how_cells_are_written(tmp_path: Path, cell: str, form: str) -> None:
    assert clean(tmp_path, cell, format=form) == [date(2026, 1, 31)]


def test_times_of_a_day_are_read_however_written(tmp_path: Path) -> None:
    cells = ("9:05", " 09:05:30 ", "9:05 PM", "12:05 am", "9:05p.m.", "00:00")
    assert clean(tmp_path / "1", *cells, type="time") == [
        time(9, 5), time(9, 5, 30), time(21, 5), time(0, 5), time(21, 5), time(0, 0)]  # fmt: skip
    assert clean(tmp_path / "2", "9h05", "21h05", type="time", format="%Hh%M") == [time(9, 5), time(21, 5)]


@pytest.mark.parametrize("missing", ["", "NA", "-"])
def test_a_missing_date_is_imputed_dropped_or_set_aside(tmp_path: Path, missing: str) -> None:
    assert clean(tmp_path / "1", "2026-01-31", missing, missing="impute") == [date(2026, 1, 31), None]
    assert clean(tmp_path / "2", "2026-01-31", missing, missing="drop") == [date(2026, 1, 31)]
    assert reasons(tmp_path / "3", missing) == {"d: missing"}


def test_what_is_no_date_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    found = reasons(
        tmp_path, "2026-02-30", "soon", "2026-01-09", "2026-02-01", minimum="2026-01-10", maximum="2026-01-31"
    )
    assert found == {"d: not a date such as 2026-01-31", "d: before 2026-01-10", "d: after 2026-01-31"}


def test_a_maximum_includes_its_day(tmp_path: Path) -> None:
    kept = clean(tmp_path, "2026-01-31T23:59", type="datetime", maximum="2026-01-31")
    assert kept == [datetime(2026, 1, 31, 23, 59)]


@pytest.mark.parametrize(("cell", "keys", "said"), [
    ("31.01.2026", {}, r"expected a date such as 2026-01-31 \(row 1 has '31.01.2026'\); set format: '%d\.%m\.%Y'"),
    ("01/31/2026", {}, r"set format: '%m/%d/%Y'"),
    ("31.01.2026 10:15", {"type": "datetime"}, r"\(row 1 has '31.01.2026 10:15'\); set format: '%d\.%m\.%Y %H:%M'"),
    ("2026-01-31", {"format": "%d.%m.%Y"}, r"format is '%d\.%m\.%Y', and without it this is a date$"),
    ("soon", {}, r"\(row 1 has 'soon'\)$"),
    ("10:30", {}, r"\(row 1 has '10:30'\); for times of a day set type: time$"),
    ("10h30", {"type": "time"}, r"'d': .* a time of a day such as 10:30 \(row 1 has '10h30'\); set format: '%Hh%M'"),
    ("9 PM", {"type": "time"}, r"set format: '%I %p'"),
    ("24:00", {"type": "time"}, r"\(row 1 has '24:00'\); set format where .*, or source\.missing for no value$"),
    ("2026-01-31 10:30", {"type": "time"}, r"; for dates and times set type: datetime$"),
    ("10:30", {"type": "time", "format": "%Hh%M"}, r"format is '%Hh%M', and without it this is a time$"),
])  # fmt: skip
def test_an_error_names_the_row_and_the_key_that_helps(tmp_path: Path, cell: str, keys: Any, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        clean(tmp_path, cell, **keys)


@pytest.mark.parametrize(("keys", "said"), [
    ({"format": "dd.mm.yyyy"}, r"features\.0\.format: expected a pattern of strptime with the year"),
    ({"minimum": "31.01.2026"}, r"features\.0\.minimum: expected a date such as 2026-01-31"),
    ({"minimum": "2026-02-01", "maximum": "2026-01-31"}, r"features\.0\.minimum: expected no later than maximum"),
    ({"parts": ["month", "month"]}, "expected one part at least, each once, got month, month"),
    ({"parts": ["hour"]}, r"features\.0\.parts"),
    ({"type": "time", "format": "hh:mm"}, r"features\.0\.format: expected a pattern of strptime with the hour"),
    ({"parts": []}, "expected one part at least, each once, got none"),
])  # fmt: skip
def test_keys_that_can_t_be_meant_are_refused_in_one_line(tmp_path: Path, keys: Any, said: str) -> None:
    with pytest.raises(MolinoError, match=said) as caught:
        clean(tmp_path, "2026-01-15", **keys)
    assert "\n" not in str(caught.value)


PARQUET: dict[str, tuple[pl.Series, dict[str, Any], list[Any]]] = {
    "dates": (pl.Series([date(2026, 1, 31)]), {}, [date(2026, 1, 31)]),
    "times as dates": (pl.Series([datetime(2026, 1, 31, 13)]), {}, [date(2026, 1, 31)]),
    "times of nanoseconds": (
        pl.Series([datetime(2026, 1, 31, 13)], dtype=pl.Datetime("ns")),
        {"type": "datetime"},
        [datetime(2026, 1, 31, 13)],
    ),
    "times with a zone": (
        pl.Series([datetime(2026, 1, 31, 23, tzinfo=UTC)]).dt.convert_time_zone("Asia/Tokyo"),
        {"type": "datetime"},
        [datetime(2026, 1, 31, 23)],
    ),
    "times of a day": (pl.Series([time(9, 5, 30, 7)]), {"type": "time"}, [time(9, 5, 30, 7)]),
    "text": (pl.Series(["31.01.2026"]), {"format": "%d.%m.%Y"}, [date(2026, 1, 31)]),
    "whole numbers": (pl.Series([20260131]), {"format": "%Y%m%d"}, [date(2026, 1, 31)]),
    "seconds": (pl.Series([1769862600.0]), {"format": "unix", "type": "datetime"}, [datetime(2026, 1, 31, 12, 30)]),
}


@pytest.mark.parametrize(("column", "keys", "wanted"), PARQUET.values(), ids=PARQUET)
def test_parquet_is_read_by_its_types(tmp_path: Path, column: pl.Series, keys: Any, wanted: list[Any]) -> None:
    made = homes(tmp_path, None, "homes.parquet", **keys)
    pl.DataFrame({"d": column, "a": [1.0], "y": [2.0]}).write_parquet(made.source)
    made.ingest()
    assert pl.read_parquet(made.artifact("clean.parquet"))["d"].to_list() == wanted


def test_numbers_without_a_format_are_no_dates(tmp_path: Path) -> None:
    made = homes(tmp_path, None, "homes.parquet")
    pl.DataFrame({"d": [20260131], "a": [1.0], "y": [2.0]}).write_parquet(made.source)
    with pytest.raises(SourceError, match="expected date values, but its type is Int64"):
        made.ingest()
