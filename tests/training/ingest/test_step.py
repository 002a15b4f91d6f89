import bz2
import gzip
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from tables import FEATURES, GOOD_ROW, Homes, csv_text, good_rows

from molino.contracts.errors import SourceError
from molino.contracts.results import IngestResult

ROOT = Path(__file__).parents[3]


def result(homes: Homes, run_id: str = "r1") -> IngestResult:
    return IngestResult.model_validate(homes.ingest(run_id).result)


def clean(homes: Homes, run_id: str = "r1") -> pl.DataFrame:
    return pl.read_parquet(homes.artifact("clean.parquet", run_id))


def quarantine(homes: Homes) -> list[tuple[str, ...]]:
    return pl.read_csv(homes.artifact("quarantine.csv"), infer_schema=False).rows()


def refusal(homes: Homes, **settings: object) -> str:
    with pytest.raises(SourceError) as caught:
        homes.ingest(**settings)
    return str(caught.value)


# What comes out.


def test_columns_are_the_features_and_then_the_target(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text("7,100,north,1,3,50.5", header="id,price,area,garden,rooms,size"))
    homes.ingest()
    assert clean(homes).row(0) == (50.5, 3, True, "north", 100.0)


def test_columns_have_the_types_of_the_model_file(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text(GOOD_ROW))
    homes.ingest()
    assert dict(clean(homes).schema) == {
        "size": pl.Float64,
        "rooms": pl.Int64,
        "garden": pl.Boolean,
        "area": pl.String,
        "price": pl.Float64,
    }


def test_rows_keep_their_order(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text(*good_rows(3000)))
    homes.ingest()
    assert clean(homes)["price"].to_list() == list(range(3000))


def test_the_classes_of_a_classification_are_text(tmp_path: Path) -> None:
    homes = Homes(
        tmp_path,
        csv_text("1,3,1,north,0", "2,3,1,north,1", "3,3,1,north,2"),
        task="classification",
        target={"name": "price", "classes": ["0", "1"]},
        metric="accuracy",
    )
    homes.ingest()
    assert clean(homes)["price"].to_list() == ["0", "1"]


def test_learnt_categories_are_kept_as_they_are(tmp_path: Path) -> None:
    features = [*FEATURES[:3], {"name": "area", "type": "category"}]
    homes = Homes(tmp_path, csv_text("1,3,1,east,0", "2,3,1,007,1"), features=features)
    homes.ingest()
    assert clean(homes)["area"].to_list() == ["east", "007"]


def test_the_record_names_the_source(tmp_path: Path) -> None:
    data = csv_text(*good_rows(7))
    homes = Homes(tmp_path, data)
    (source,) = homes.ingest().inputs
    assert (source.uri, source.sha256, source.bytes, source.rows) == (
        homes.source.as_uri(),
        hashlib.sha256(data).hexdigest(),
        len(data),
        7,
    )


@pytest.mark.parametrize("name", ["clean", "quarantine", "report_json", "report_html"])
def test_the_result_refers_to_what_is_in_the_store(tmp_path: Path, name: str) -> None:
    homes = Homes(tmp_path, csv_text(*good_rows(9), "x,3,1,north,1"))
    artifact = getattr(result(homes), name)
    assert hashlib.sha256((homes.store / artifact.key).read_bytes()).hexdigest() == artifact.sha256


def test_the_counts_add_up(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text(*good_rows(5), "x,3,1,north,1", "1,3,,north,1", ",3,,north,1"))
    found = result(homes)
    assert (found.rows_read, found.rows_clean, found.rows_quarantined, found.rows_dropped) == (8, 5, 2, 1)


def test_a_source_without_faults_leaves_no_quarantine(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text(*good_rows(5)))
    assert result(homes).quarantine is None


# The same source, in whatever form, gives the same rows.


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text(*good_rows(300_000)))
    assert result(homes, "r1").clean.sha256 == result(homes, "r2").clean.sha256


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\r\r\n"], ids=["Windows", "old Macs", "Windows twice"])
def test_line_ends_of_other_systems_change_nothing(tmp_path: Path, end: bytes) -> None:
    data = csv_text(*good_rows(100), "1,,1,north,7", "2,3,1,south,8")
    plain, other = Homes(tmp_path / "a", data), Homes(tmp_path / "b", data.replace(b"\n", end))
    assert result(plain).clean.sha256 == result(other).clean.sha256


@pytest.mark.parametrize(
    "form",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.removesuffix(b"\n"),
        lambda data: data + b"\n  \n\n",
        lambda data: b"\n" + data,
        lambda data: data.replace(b"\n", b"\n\n", 3),
        lambda data: data.replace(b"north", b'"north"'),
        lambda data: data.replace(b",", b" , "),
        gzip.compress,
    ],
    ids=["byte order mark", "no last line end", "blank lines after", "before", "between", "quotes", "blanks", "gzip"],
)
def test_another_form_of_the_same_rows_changes_nothing(tmp_path: Path, form) -> None:
    data = csv_text(*good_rows(100))
    plain, other = Homes(tmp_path / "a", data), Homes(tmp_path / "b", form(data))
    assert result(plain).clean.sha256 == result(other).clean.sha256


def test_another_delimiter_changes_nothing(tmp_path: Path) -> None:
    data = csv_text(*good_rows(100))
    plain = Homes(tmp_path / "a", data)
    source = {"uri": "homes.csv", "delimiter": ";"}
    other = Homes(tmp_path / "b", data.replace(b",", b";"), source=source)
    assert result(plain).clean.sha256 == result(other).clean.sha256


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress], ids=["plain", "gzip"])
def test_parquet_gives_the_rows_of_the_csv(tmp_path: Path, pack) -> None:
    plain = Homes(tmp_path / "a", csv_text(*good_rows(100), "1,,1,north,7"))
    first = result(plain).clean
    data = pack((plain.store / first.key).read_bytes())
    assert result(Homes(tmp_path / "b", data, "homes.parquet")).clean.sha256 == first.sha256


def test_clean_data_is_clean(tmp_path: Path) -> None:
    plain = Homes(tmp_path / "a", csv_text(*good_rows(100), "x,3,1,north,1", "1,,1,north,7"))
    first = result(plain)
    data = (plain.store / first.clean.key).read_bytes()
    again = result(Homes(tmp_path / "b", data, "homes.parquet"))
    assert (again.rows_read, again.rows_clean) == (first.rows_clean, first.rows_clean)


# Rows that break a rule.

ROWS = {
    "no number": ("big,3,1,north,1", "size: not a number"),
    "a number with a unit": ("5 m,3,1,north,1", "size: not a number"),
    "a decimal comma": ('"5,5",3,1,north,1', "size: not a number"),
    "below": ("-0.1,3,1,north,1", "size: below 0"),
    "above": ("1000.5,3,1,north,1", "size: above 1000"),
    "not a number at all": ("nan,3,1,north,1", "size: missing"),
    "infinite": ("inf,3,1,north,1", "size: not finite in 32 bits; size: above 1000"),
    "missing": (",3,1,north,1", "size: missing"),
    "a fraction": ("1,3.5,1,north,1", "rooms: not a whole number"),
    "a huge integer": ("1,99999999999999999999999,1,north,1", "rooms: above 20"),
    "neither true nor false": ("1,3,perhaps,north,1", "garden: not true or false"),
    "an unlisted value": ("1,3,1,east,1", "area: not one of the listed values"),
    "another spelling": ("1,3,1,North,1", "area: not one of the listed values"),
    "no target": ("1,3,1,north,", "price: missing"),
    "a target below": ("1,3,1,north,-1", "price: below 0"),
    "several": (
        "x,0,1,east,",
        "size: not a number; rooms: below 1; area: not one of the listed values; price: missing",
    ),
    "a fault and a gap that drops": ("x,3,,north,1", "size: not a number"),
}


@pytest.mark.parametrize(("row", "reason"), ROWS.values(), ids=ROWS)
def test_a_row_that_breaks_a_rule_is_set_aside_with_its_reason(tmp_path: Path, row: str, reason: str) -> None:
    homes = Homes(tmp_path, csv_text(GOOD_ROW, row, GOOD_ROW))
    homes.ingest()
    assert [found[:2] for found in quarantine(homes)] == [("2", reason)]


def test_a_quarantined_row_is_kept_as_it_was_written(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text(GOOD_ROW, '1.50,03, yes,"no, east",1e2'))
    homes.ingest()
    assert quarantine(homes)[0][2:] == ("1.50", "03", " yes", "no, east", "1e2")


KEPT = {
    "no value to impute": ("1,,1,north,1", (1.0, None, True, "north", 1.0)),
    "NA to impute": ("1,NA,1,north,1", (1.0, None, True, "north", 1.0)),
    "a whole number with a point": ("1,3.0,1,north,1", (1.0, 3, True, "north", 1.0)),
    "true in capitals": ("1,3,TRUE,north,1", (1.0, 3, True, "north", 1.0)),
    "zero for false": ("1,3,0,north,1", (1.0, 3, False, "north", 1.0)),
    "an exponent": ("1e2,3,1,north,1", (100.0, 3, True, "north", 1.0)),
    "blanks": (" 1 , 3 , 1 , north , 1 ", (1.0, 3, True, "north", 1.0)),
    "the bounds": ("1000,20,1,south,0", (1000.0, 20, True, "south", 0.0)),
}


@pytest.mark.parametrize(("row", "values"), KEPT.values(), ids=KEPT)
def test_a_row_that_breaks_no_rule_is_kept(tmp_path: Path, row: str, values: tuple[object, ...]) -> None:
    homes = Homes(tmp_path, csv_text(row))
    homes.ingest()
    assert clean(homes).rows() == [values]


def test_an_unseen_value_is_kept_where_the_model_file_says_other(tmp_path: Path) -> None:
    features = [*FEATURES[:3], {"name": "area", "type": "category", "values": ["north"], "unseen": "other"}]
    homes = Homes(tmp_path, csv_text("1,3,1,east,1"), features=features)
    homes.ingest()
    assert clean(homes)["area"].to_list() == ["east"]


def test_a_number_can_mean_no_value(tmp_path: Path) -> None:
    source = {"uri": "homes.csv", "missing": ["-999"]}
    homes = Homes(tmp_path, csv_text("1,-999,1,north,1"), source=source)
    homes.ingest()
    assert clean(homes)["rooms"].to_list() == [None]


@pytest.mark.parametrize(
    ("policy", "kept", "quarantined", "dropped"), [("keep", 4, 0, 0), ("drop", 2, 0, 2), ("quarantine", 2, 2, 0)]
)
def test_duplicates_follow_the_model_file(
    tmp_path: Path, policy: str, kept: int, quarantined: int, dropped: int
) -> None:
    quality = {"duplicates": policy, "max_quarantined_share": 1.0}
    rows = ("1,3,1,north,1", "2,3,1,north,1", "1.0,3,true,north,1", "2,3,1,north,1")
    found = result(Homes(tmp_path, csv_text(*rows), quality=quality))
    assert (found.rows_clean, found.rows_quarantined, found.rows_dropped) == (kept, quarantined, dropped)


def test_the_first_of_equal_rows_stays(tmp_path: Path) -> None:
    rows = list(good_rows(200_000))
    homes = Homes(tmp_path, csv_text(*rows, *reversed(rows)), quality={"duplicates": "drop"})
    homes.ingest()
    assert clean(homes)["price"].to_list() == list(range(200_000))


def test_too_many_faults_are_refused_with_the_commonest_reasons(tmp_path: Path) -> None:
    rows = [*good_rows(90), *["1,3,1,east,1"] * 6, *["2000,3,1,north,1"] * 4]
    homes = Homes(tmp_path, csv_text(*rows), quality={"max_quarantined_share": 0.09})
    assert refusal(homes) == (
        f"source {homes.source.as_uri()}: 10 of 100 rows (10.0%) break a rule, more than the 9.0% of "
        "quality.max_quarantined_share: area: not one of the listed values (6, first in row 91); "
        "size: above 1000 (4, first in row 97)"
    )


def test_as_many_faults_as_allowed_are_let_through(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text(*good_rows(90), *["x,3,1,north,1"] * 10), quality={"max_quarantined_share": 0.1})
    assert result(homes).rows_quarantined == 10


# Sources that can't be used.

MANY = csv_text(*good_rows(200_000))
BAD = {
    "an empty file": (b"", "the file is empty; expected a header and rows"),
    "blank lines alone": (b"\n\n", "the file is empty; expected a header and rows"),
    "an empty gzip file": (gzip.compress(b""), "the file is empty; expected a header and rows"),
    "a header alone": (csv_text(), "no rows below the header"),
    "a missing column": (
        csv_text("1,2,3,4", header="size,rooms,garden,area"),
        "no column 'price'; the columns are size, rooms, garden, area",
    ),
    "another delimiter": (csv_text(GOOD_ROW).replace(b",", b";"), "; is source.delimiter right?"),
    "a page of the web": (b"<html>" + b"<p>Sign in</p>" * 20_000, "this is a page of the web (HTML); a server may"),
    "a page of the web, by its doctype": (b"\xef\xbb\xbf\n<!DOCTYPE html>\n<p>a, b</p>\n", "this is a page of the web"),
    "a packed page of the web": (gzip.compress(b"<HTML lang=en><p>Sign in</p>"), "this is a page of the web"),
    "one long line": (b"<p>Sign in</p>" * 20_000, "the first row is no header of a CSV: field larger"),
    "an error of a store": (b"<Error><Code>AccessDenied</Code></Error>", "this is XML; where a server sent an error"),
    "XML": (b'<?xml version="1.0"?>\n<rows><row a="1"/></rows>\n', "this is XML"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "this is a workbook (.xls); save it as CSV"),
    "an Arrow file": (b"ARROW1\0\0" + bytes(500), "this is Arrow or Feather; save it as Parquet"),
    "a file of bzip2": (bz2.compress(b"size,price\n1,2\n"), "this is compressed by bzip2; use gzip or none"),
    "a SQLite database": (b"SQLite format 3\0" + bytes(500), "give it as sqlite:///… with source.query"),
    "a pointer of Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "this is a pointer of Git LFS; fetch the file itself by git lfs pull",
    ),
    "a column given twice": (csv_text("1,2", header="size,size"), "the header names column 'size' twice"),
    "latin-1": (csv_text(GOOD_ROW, "1,3,1,nörth,1").replace("ö".encode(), b"\xf6"), "row 2 isn't UTF-8 (byte 0xf6)"),
    "latin-1 in the header": (csv_text(GOOD_ROW, header="größe").replace("ö".encode(), b"\xf6"), "row 0 isn't UTF-8"),
    "latin-1 far below": (MANY + b"1,3,1,n\xf6rth,1\n", "row 200001 isn't UTF-8"),
    "utf-16": (csv_text(GOOD_ROW).decode().encode("utf-16"), "this is UTF-16 text; save it as UTF-8"),
    "a zero byte": (csv_text(GOOD_ROW, "1,3,1,\0,1"), "row 2 holds a zero byte"),
    "a short row": (csv_text(GOOD_ROW, "1,3,1,north"), "row 2 has 4 cells, but the header has 5"),
    "a short first row": (csv_text("1,3,1,north", GOOD_ROW), "row 1 has 4 cells, but the header has 5"),
    "a long row": (csv_text(GOOD_ROW, GOOD_ROW, GOOD_ROW + ",1"), "row 3 has 6 cells, but the header has 5"),
    "a long first row": (csv_text(GOOD_ROW + ",1", GOOD_ROW), "row 1 has 6 cells, but the header has 5"),
    "a short row after a quoted line end": (
        csv_text('1,3,1,"north\n\n",1', "1,3,1,north"),
        "row 2 has 4 cells, but the header has 5",
    ),
    "a short row far below": (MANY + b"1,3,1\n", "row 200001 has 3 cells, but the header has 5"),
    "an open quote": (csv_text(GOOD_ROW, '1,3,1,"north,1'), "a quote is opened and not closed"),
    "a quote inside a cell": (csv_text(GOOD_ROW, '1,3,1,"no"rth,1'), "a quote stands inside a cell between rows 1"),
    "words for numbers": (
        csv_text("big,3,1,north,1", ",3,1,north,1", "small,3,1,north,1"),
        "column 'size': expected a number (row 1 has 'big')",
    ),
    "words for booleans": (
        csv_text("1,3,perhaps,north,1"),
        "column 'garden': expected true or false (row 1 has 'perhaps')",
    ),
    "words for the target": (csv_text("1,3,1,north,much"), "column 'price': expected a number (row 1 has 'much')"),
    "a damaged gzip file": (gzip.compress(MANY, 1)[:-9000], "damaged gzip file"),
    "a damaged gzip header": (b"\x1f\x8b\x08\x00", "damaged gzip file"),
    "a workbook": (b"PK\x03\x04rest", "this is a zip archive or a workbook"),
    "a damaged Parquet file": (b"PAR1" + b"\x00" * 100, "not a whole Parquet file"),
    "no row without a gap that drops": (csv_text("1,3,,north,1"), "no row of 1 is left: garden: missing"),
}


KEYS = {
    "a comment": (csv_text(GOOD_ROW, "# of 2026", GOOD_ROW), "source.comment: '#' passes over such lines"),
    "a slashed comment": (csv_text("// a, b", GOOD_ROW), "source.comment: '//'"),
    "a negative number is no comment": (csv_text("-1,3"), "source.delimiter, source.quote, source.comment"),
    "a backslash before a quote": (csv_text(r'1,3,1,"a \", b\"",1'), "source.escape"),
    "blanks before a quote": (csv_text('1, 3, 1, "a, b", 1'), "source.skip_blanks: true"),
    "single quotes": (csv_text("1,3,1,'a, b',1"), 'source.quote: "\'" reads'),
    "a long row": (csv_text(GOOD_ROW + ",1"), "correct the row, or say how the file is written: source.delimiter"),
    "a row after a quoted line end": (csv_text('1,3,1,"a\n\nb",1', "#,1"), "correct the row, or say how"),
    "an open quote": (csv_text('1,3,1,"north,1'), "source.quote: none takes quotes"),
    "a quote inside a cell": (csv_text('1,3,1,"no"rth,1'), "source.quote: none takes quotes"),
    "a column given twice": (csv_text("1,2", header="size,size"), "or in source.header, with source.skip_lines: 1"),
    "one long line": (b"<p>Sign in</p>" * 20_000, "source.skip_lines passes over lines before it"),
    "a header alone": (csv_text(), "source.header names the columns of a table that has none"),
    "no row without a gap that drops": (csv_text("1,3,,north,1"), "missing: impute of a feature keeps rows"),
    "no row with a target": (csv_text("1,3,1,north,"), "target.missing: drop"),
}
"""What can't be read, and the key that the error names."""


@pytest.mark.parametrize(("data", "key"), KEYS.values(), ids=KEYS)
def test_an_error_names_the_key_that_helps(tmp_path: Path, data: bytes, key: str) -> None:
    message = refusal(Homes(tmp_path, data))
    assert key in message
    assert "\n" not in message


@pytest.mark.parametrize(("data", "expected"), BAD.values(), ids=BAD)
def test_a_bad_source_is_refused_in_one_line(tmp_path: Path, data: bytes, expected: str) -> None:
    message = refusal(Homes(tmp_path, data))
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize("data", [data for data, _ in BAD.values()], ids=BAD)
def test_a_bad_source_leaves_nothing_in_the_store(tmp_path: Path, data: bytes) -> None:
    homes = Homes(tmp_path, data)
    refusal(homes)
    assert homes.stored() == []


def test_a_bad_source_is_named(tmp_path: Path) -> None:
    homes = Homes(tmp_path, b"")
    assert refusal(homes).startswith(f"source {homes.source.as_uri()}: ")


def test_the_format_of_the_model_file_is_held_to(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text(GOOD_ROW), source={"uri": "homes.csv", "format": "parquet"})
    assert "expected parquet, as source.format says, but this is csv" in refusal(homes)


# Runs that are killed.


def test_a_killed_run_ends_the_same_when_run_again(tmp_path: Path) -> None:
    data = csv_text(*good_rows(400_000), "x,3,1,north,1")
    whole, killed = Homes(tmp_path / "a", data), Homes(tmp_path / "b", data)
    program = (
        "import sys\nfrom pathlib import Path\nfrom molino.contracts.model_file import load_model\n"
        "from molino.contracts.settings import Settings\nfrom training.step import run_step\n"
        "run_step('ingest', load_model(Path(sys.argv[1])), 'r1', Settings(home=Path(sys.argv[2])))\n"
    )
    command = [sys.executable, "-c", program, str(killed.folder), str(killed.settings.home)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    written = killed.settings.work_folder / "homes" / "r1" / "ingest" / "clean.parquet"
    deadline = time.monotonic() + 60
    while not (written.exists() and written.stat().st_size):
        assert process.poll() is None, "the step ended before it was killed"
        assert time.monotonic() < deadline, "the step never wrote"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert killed.stored() == []
    first, again = result(whole), result(killed)
    assert (again.clean.sha256, again.quarantine.sha256) == (first.clean.sha256, first.quarantine.sha256)


def test_nothing_is_left_in_the_work_folder(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text(GOOD_ROW))
    homes.ingest()
    assert [path for path in homes.settings.work_folder.rglob("*") if path.is_file()] == []


# The models of the project.


@pytest.mark.parametrize(("name", "rows", "columns"), [("housing", 506, 14), ("penguins", 344, 8)])
def test_the_samples_are_clean(tmp_path: Path, name: str, rows: int, columns: int) -> None:
    from molino.contracts.model_file import load_model
    from molino.contracts.settings import Settings
    from training.step import run_step

    settings = Settings(home=tmp_path)
    run_step("ingest", load_model(ROOT / "pipelines" / "models" / name), "r1", settings)
    path = Path(settings.store_uri) / "runs" / name / "r1" / "ingest" / "clean.parquet"
    assert pl.read_parquet(path).shape == (rows, columns)


# What rows are split by.

SPLIT_ROWS = csv_text(
    "50.5,3,true,north,100,7",
    "51.5,3,true,north,101,",
    "52.5,3,true,south,102, 8 ",
    header="size,rooms,garden,area,price,id",
)


def test_a_column_that_rows_are_split_by_is_kept(tmp_path: Path) -> None:
    homes = Homes(tmp_path, SPLIT_ROWS, split={"kind": "group", "column": "id"})
    homes.ingest()
    assert clean(homes)["id"].to_list() == ["7", "8"]


def test_a_row_without_what_it_is_split_by_is_quarantined(tmp_path: Path) -> None:
    homes = Homes(tmp_path, SPLIT_ROWS, split={"kind": "hash", "key": ["id"]})
    homes.ingest()
    assert [row[:2] for row in quarantine(homes)] == [("2", "id: missing, and rows are split by it")]


def test_rows_apart_in_their_key_alone_are_duplicates(tmp_path: Path) -> None:
    rows = ("50.5,3,true,north,100,1", "50.5,3,true,north,100,2")
    homes = Homes(tmp_path, csv_text(*rows, header="size,rooms,garden,area,price,id"),
                  split={"key": "id"}, quality={"duplicates": "drop"})  # fmt: skip
    homes.ingest()
    assert clean(homes)["id"].to_list() == ["1"]


def test_a_split_by_a_column_that_is_not_there_names_its_key(tmp_path: Path) -> None:
    homes = Homes(tmp_path, csv_text(GOOD_ROW), split={"kind": "group", "column": "who"})
    assert "no column 'who', which split.column names; the columns are size" in refusal(homes)


def test_a_long_cell_is_not_shown_at_length(tmp_path: Path) -> None:
    told = refusal(Homes(tmp_path, csv_text(GOOD_ROW.replace("50.5", "x" * 5000))))
    assert f"(row 1 has '{'x' * 40}…')" in told


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([7, 8], ["7", "8"]),
        ([7.0, 8.5], ["7", "8.5"]),
        (pl.Series(["2026-01-31"]).str.to_date().extend_constant(None, 0).to_list() * 2, ["2026-01-31"] * 2),
    ],
)
def test_a_parquet_column_that_rows_are_split_by_is_kept_as_text(
    tmp_path: Path, values: list[object], wanted: list[str]
) -> None:
    frame = pl.DataFrame({"size": [1.0, 2.0], "rooms": [1, 2], "garden": [True, False], "area": ["north", "south"],
                          "price": [1.0, 2.0], "id": values})  # fmt: skip
    frame.write_parquet(tmp_path / "homes.parquet")
    data = (tmp_path / "homes.parquet").read_bytes()
    homes = Homes(tmp_path, data, name="homes.parquet", split={"kind": "group", "column": "id"})
    homes.ingest()
    assert clean(homes)["id"].to_list() == wanted
