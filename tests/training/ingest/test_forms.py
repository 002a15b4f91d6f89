"""Forms of a CSV: how its text is encoded, how its numbers are written, and what stands before its rows."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from structlog.testing import capture_logs
from tables import Homes

from molino.contracts.errors import SourceError
from molino.contracts.numerals import hint_for

FEATURES = [{"name": "a", "type": "number"}, {"name": "c", "type": "category"}]


def homes(folder: Path, data: bytes, **source: Any) -> Homes:
    changes = {"features": FEATURES, "target": {"name": "y"}, "source": {"uri": "homes.csv", **source}}
    return Homes(folder, data, **changes)


def clean(folder: Path, data: str, written: str = "utf-8", **source: Any) -> list[tuple[Any, ...]]:
    made = homes(folder, data.encode(written), **source)
    made.ingest()
    return pl.read_parquet(made.artifact("clean.parquet")).rows()


NUMBERS: dict[str, tuple[str, dict[str, Any], float]] = {
    "a decimal comma": ("0,33", {"decimal": ","}, 0.33),
    "a point beside decimal commas": ("0.33", {"decimal": ","}, 0.33),
    "thousands": ("1,234,567.5", {"thousands": ","}, 1234567.5),
    "thousands parted by points": ("1.234,5", {"thousands": ".", "decimal": ","}, 1234.5),
    "thousands parted by blanks": ("1 234,5", {"thousands": " ", "decimal": ","}, 1234.5),
    "Swiss thousands": ("1'234.5", {"thousands": "'"}, 1234.5),
    "a percent sign": ("12.5 %", {"symbols": ["%"]}, 12.5),
    "a currency before": ("$1,200", {"symbols": ["$"], "thousands": ","}, 1200.0),
    "a sign before a currency": ("-$1,200", {"symbols": ["$"], "thousands": ","}, -1200.0),
    "a sign behind a currency": ("€ -3.5", {"symbols": ["€"]}, -3.5),
    "a country's currency": ("-US$ 7", {"symbols": ["US$"]}, -7.0),
    "a blank that never breaks": (
        "1\u00a0200,5\u00a0kr",
        {"symbols": ["kr"], "thousands": "\u00a0", "decimal": ","},
        1200.5,
    ),
    "an amount below zero": ("(1,200.50)", {"symbols": ["()"], "thousands": ","}, -1200.5),
    "one with a currency": ("($1,200)", {"symbols": ["()", "$"], "thousands": ","}, -1200.0),
    "one with a currency before": ("$ (7)", {"symbols": ["$", "()"]}, -7.0),
    "one with a currency behind": ("(3,50) €", {"symbols": ["()", "€"], "decimal": ","}, -3.5),
    "an amount above zero": ("$7", {"symbols": ["()", "$"]}, 7.0),
    "a currency behind": ("3,50 €", {"symbols": ["€"], "decimal": ","}, 3.5),
    "an exponent": ("1,5e3", {"decimal": ","}, 1500.0),
    "thin blanks": ("1\u2009234", {"thousands": "\u2009"}, 1234.0),
    "a typeset minus": ("\u22123.5", {}, -3.5),
    "a typeset minus and a currency": ("\u22121,200 €", {"symbols": ["€"], "thousands": ","}, -1200.0),
    "thousands of India": ("12,34,567", {"thousands": ","}, 1234567.0),
    "a negative number": ("-1.234,5", {"thousands": ".", "decimal": ","}, -1234.5),
}


@pytest.mark.parametrize(("cell", "source", "number"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_is_read_as_it_is_written(tmp_path: Path, cell: str, source: dict[str, Any], number: float) -> None:
    assert clean(tmp_path, f"a;c;y\n{cell};x,y;7\n", delimiter=";", **source) == [(number, "x,y", 7.0)]


@pytest.mark.parametrize("cell", ["3,5", "1,2345", "1234,567", "1,,234"])
def test_a_sign_that_parts_no_thousands_is_no_part_of_a_number(tmp_path: Path, cell: str) -> None:
    with pytest.raises(SourceError, match=f"row 1 has '{cell}'"):
        clean(tmp_path, f"a;c;y\n{cell};x;7\n", delimiter=";", thousands=",")


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("0,33", "source.decimal: ','"),
        ("0,255", "source.decimal: ','"),
        ("1.234,5", "source.decimal: ','"),
        ("2,000", "source.thousands: ','"),
        ("1'234.5", 'source.thousands: "\'"'),
        ("12 %", "source.symbols: ['%']"),
        ("$5", "source.symbols: ['$']"),
        ("-$5", "source.symbols: ['$']"),
        ("US$ 5", "source.symbols: ['US$']"),
        ("5.00€", "source.symbols: ['€']"),
        ("(5.00)", "source.symbols: ['()']"),
        ("($1,200)", "source.symbols: ['()', '$']"),
    ],
)
def test_an_error_names_the_key_that_helps(tmp_path: Path, cell: str, key: str) -> None:
    with pytest.raises(SourceError) as caught:
        homes(tmp_path, f"a;c;y\n{cell};x;7\n".encode(), delimiter=";").ingest()
    assert str(caught.value).endswith(key)
    assert f"row 1 has {cell!r}" in str(caught.value)


@pytest.mark.parametrize(
    "cell", ["x", "", "1-2", "2020-01-01", "a,b", "12,5 and more words", "(a)", "(1, 2]", "≤5", "±5", "≈ 5"]
)
def test_what_no_key_helps_has_no_hint(cell: str) -> None:
    assert hint_for(cell) == ""


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "iso-8859-15"])
def test_a_text_of_another_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    assert clean(tmp_path, "a,c,y\n1,Köln,2\n", encoding, encoding=encoding) == [(1.0, "Köln", 2.0)]


@pytest.mark.parametrize(("encoding", "key"), [("latin-1", "such as cp1252"), ("utf-16", "encoding: utf-16")])
def test_another_encoding_than_is_said_names_the_key(tmp_path: Path, encoding: str, key: str) -> None:
    with pytest.raises(SourceError, match=f"set source.encoding.*|{key}") as caught:
        clean(tmp_path, "a,c,y\n1,Köln,2\n", encoding)
    assert key in str(caught.value)


@pytest.mark.parametrize("said", [{}, {"encoding": "utf-16"}])
def test_a_text_of_four_bytes_a_sign_is_named(tmp_path: Path, said: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match=r"this is UTF-32 text; save it as UTF-8$"):
        homes(tmp_path, "a,c,y\n1,x,2\n".encode("utf-32"), **said).ingest()


def test_a_text_that_is_not_of_its_encoding_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"it isn't cp1252 \(byte 0x81\); correct source\.encoding"):
        homes(tmp_path, b"a,c,y\n1,\x81,2\n", encoding="cp1252").ingest()


def test_lines_before_the_header_are_passed_over(tmp_path: Path) -> None:
    assert clean(tmp_path, 'Report, of "May"\n\na,c,y\n1,x,2\n', skip_lines=2) == [(1.0, "x", 2.0)]


def test_a_table_without_a_header_is_given_one(tmp_path: Path) -> None:
    assert clean(tmp_path, "2,1,x\n4,3,z\n", header=["y", "a", "c"]) == [(1.0, "x", 2.0), (3.0, "z", 4.0)]


def test_a_header_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="row 1 has 3 cells, but the header has 4"):
        clean(tmp_path, "2,1,x\n", header=["y", "a", "c", "d"])


def test_few_numbers_that_are_written_otherwise_are_told(tmp_path: Path) -> None:
    rows = "".join(f"{row},x,1\n" for row in range(50))
    with capture_logs() as logs:
        assert len(clean(tmp_path, f'a,c,y\n{rows}"2,000",x,1\n')) == 50
    (told,) = (one for one in logs if one["log_level"] == "warning")
    assert "source.thousands" in told["event"]
    assert (told["column"], told["rows"], told["first_row"]) == ("a", 1, 51)


def test_dates_as_numbers_are_told_what_to_do_with(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"row 1 has '2024-01-31'\); for dates and times set type: date$"):
        clean(tmp_path, "a,c,y\n2024-01-31,x,1\n")


def test_many_rows_without_a_target_name_the_key(tmp_path: Path) -> None:
    made = homes(tmp_path, b"a,c,y\n1,x,1\n2,x,\n")
    path = made.folder / "model.yaml"
    path.write_text(path.read_text().replace('"max_quarantined_share": 1.0', '"max_quarantined_share": 0.1'))
    with pytest.raises(SourceError, match=r"left out by target\.missing: drop$"):
        made.ingest()
