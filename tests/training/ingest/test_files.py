"""A source of several files: which they are, and that they are one table."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tables import HEADER, Homes, csv_text, good_rows

from molino.contracts.errors import ModelFileError, SourceError
from molino.contracts.source_files import files_of, fits, partitions_of
from molino.runs import plan
from training.stores.file import FolderStore
from training.stores.s3 import S3Store

ROWS = list(good_rows(9))


def homes(folder: Path, uri: Any, **changes: Any) -> Homes:
    """Return a model of three files of three rows each, in `data` beside its file."""
    made = Homes(folder, source={"uri": uri}, **changes)
    (made.folder / "data").mkdir()
    for index, name in enumerate(("a.csv", "b.csv", "c.csv")):
        (made.folder / "data" / name).write_bytes(csv_text(*ROWS[3 * index : 3 * index + 3]))
    return made


def prices(made: Homes) -> list[float]:
    return pl.read_parquet(made.artifact("clean.parquet"))["price"].to_list()


NAMED: dict[str, tuple[Any, list[int]]] = {
    "a folder": ("data", [*range(9)]),
    "a pattern": ("data/*.csv", [*range(9)]),
    "a pattern over folders": ("**/[ab].csv", [*range(6)]),
    "a list in its own order": (["data/c.csv", "data/a.csv"], [6, 7, 8, 0, 1, 2]),
    "a list of patterns": (["data/b*", "data/c*"], [*range(3, 9)]),
    "one file": ("data/b.csv", [3, 4, 5]),
}


@pytest.mark.parametrize(("uri", "wanted"), NAMED.values(), ids=NAMED)
def test_files_are_one_table_in_order(tmp_path: Path, uri: Any, wanted: list[int]) -> None:
    made = homes(tmp_path, uri)
    record = made.ingest()
    assert prices(made) == wanted
    assert [one.rows for one in record.inputs] == [3] * (len(wanted) // 3)


def test_files_of_each_format_are_one_table(tmp_path: Path) -> None:
    made = homes(tmp_path, "data")
    frame = pl.read_csv(made.folder / "data" / "a.csv")
    frame.write_parquet(made.folder / "data" / "b.parquet")
    (made.folder / "data" / "b.parquet.gz").write_bytes(
        gzip.compress((made.folder / "data" / "b.parquet").read_bytes())
    )
    (made.folder / "data" / "b.parquet").unlink()
    frame.reverse().write_parquet(made.folder / "data" / "b2.parquet")
    (made.folder / "data" / "_SUCCESS").touch()
    (made.folder / "data" / ".hidden.csv").write_text("x")
    (made.folder / "data" / "notes.md").write_text("x")
    made.ingest()
    assert sorted(prices(made)) == sorted([*range(9), 0, 1, 2, 0, 1, 2])


def test_the_same_files_have_the_same_sha256_and_others_another(tmp_path: Path) -> None:
    made = homes(tmp_path, "data")
    first = made.ingest("r1").result["source_sha256"]
    assert made.ingest("r2").result["source_sha256"] == first
    (made.folder / "data" / "d.csv").write_bytes(csv_text(ROWS[0]))
    assert made.ingest("r3").result["source_sha256"] != first


def test_a_new_file_begins_a_new_run(tmp_path: Path) -> None:
    made = homes(tmp_path, "data/*.csv")
    made.ingest("r1")
    assert "source has changed" not in plan(FolderStore(made.store), made.loaded, None).reason
    (made.folder / "data" / "d.csv").write_bytes(csv_text(ROWS[0]))
    assert plan(FolderStore(made.store), made.loaded, None).reason == "the source has changed since run r1"


def test_folders_give_columns(tmp_path: Path) -> None:
    made = Homes(tmp_path, source={"uri": "data"})
    header = HEADER.replace(",area", "").replace(",rooms", "")
    for rooms, area in ((2, "north"), (3, "south")):
        folder = made.folder / "data" / f"rooms={rooms}" / f"area={area}"
        folder.mkdir(parents=True)
        (folder / "part-0.csv").write_bytes(csv_text("50,true,100", header=header))
    made.ingest()
    assert pl.read_parquet(made.artifact("clean.parquet"))["rooms", "area"].rows() == [(2, "north"), (3, "south")]


def test_a_wrong_row_is_named_with_its_file(tmp_path: Path) -> None:
    made = homes(tmp_path, "data/*.csv", quality={"max_quarantined_share": 0.0})
    (made.folder / "data" / "b.csv").write_bytes(csv_text(ROWS[0], ROWS[1].replace("south", "west"), ROWS[2]))
    with pytest.raises(SourceError, match=r"not one of the listed values \(1, first in row 2 of file:.*/data/b\.csv\)"):
        made.ingest()


def test_rows_set_aside_are_named_with_their_file(tmp_path: Path) -> None:
    made = homes(tmp_path, "data/*.csv")
    (made.folder / "data" / "c.csv").write_bytes(csv_text(ROWS[0], "x,1,true,north,5"))
    made.ingest()
    quarantined = pl.read_csv(made.artifact("quarantine.csv"))
    assert quarantined["source_row"].to_list() == [2]
    assert quarantined["source_file"][0].endswith("/data/c.csv")
    (reason,) = json.loads(made.artifact("quality.json").read_text())["reasons"]
    assert (reason["first_row"], reason["first_file"][-6:]) == (2, "/c.csv")


@pytest.mark.parametrize(("data", "said"), [
    (csv_text("1,2", header="size,rooms"), r"data/b\.csv: no column 'garden', 'area', 'price'"),
    (csv_text("1,1,true,north,5,9", header=f"{HEADER},extra"), r"data/b\.csv: its header has other columns than "
     r"that of .*data/a\.csv: it has 'extra' beside them; all files of a source have the same"),
    (csv_text(*ROWS[:2], "1,2"), r"data/b\.csv: row 3 has 2 cells, but the header has 5"),
    (b"", r"data/b\.csv: the file is empty"),
])  # fmt: skip
def test_a_wrong_file_is_named(tmp_path: Path, data: bytes, said: str) -> None:
    made = homes(tmp_path, "data")
    (made.folder / "data" / "b.csv").write_bytes(data)
    with pytest.raises(SourceError, match=said):
        made.ingest()


@pytest.mark.parametrize(("uri", "said"), [
    ("data/*.json", r"source data/\*\.json: neither the file .* nor the object"),
    ("empty", r"source .*/empty: the folder has no file that ends in \.csv"),
    (["data/a.csv", "data/*.csv"], r"data/a\.csv: source\.uri names it twice"),
    (["data/a.csv", "nowhere.csv"], r"source nowhere\.csv: neither the file"),
])  # fmt: skip
def test_what_names_no_file_is_told(tmp_path: Path, uri: Any, said: str) -> None:
    made = homes(tmp_path, uri)
    (made.folder / "empty").mkdir()
    with pytest.raises(SourceError, match=said):
        made.ingest()


def test_an_empty_list_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"source\.uri"):
        homes(tmp_path, []).ingest()


def test_all_files_together_may_not_be_too_large(tmp_path: Path) -> None:
    made = homes(tmp_path, "data")
    size = max(file.stat().st_size for file in (made.folder / "data").iterdir())
    with pytest.raises(SourceError, match=r"source data: it has more than .* bytes"):
        made.ingest(source_largest_bytes=size)


def test_no_pattern_leads_out_of_the_folder_where_files_aren_t_allowed(tmp_path: Path) -> None:
    made = homes(tmp_path, "data/*.csv")
    (tmp_path / "secret.csv").write_bytes(csv_text(*ROWS))
    (made.folder / "data" / "z.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(SourceError, match=r"z\.csv: files outside the folder of the model file aren't allowed here"):
        made.ingest(source_schemes="https")


@pytest.mark.parametrize("pattern", ["data/*.csv", "data", "**/*.csv"])
def test_a_store_s_objects_are_one_table(tmp_path: Path, pattern: str) -> None:
    made = homes(tmp_path, "data")
    made.ingest(source=f"{(made.folder).as_uri()}/{pattern}")
    assert prices(made) == [*range(9)]


def s3_fields(s3: Any, home: Path) -> dict[str, Any]:
    """Return the settings that lead to the object store."""
    return {name: getattr(s3.settings(home), name) for name in ("s3_endpoint", "s3_access_key", "s3_secret_key")}


@pytest.mark.parametrize("uri", ["{bucket}/in/*.csv", "{bucket}/in", "{bucket}/in/", "{bucket}/**/part-[0-9].csv"])
def test_objects_of_s3_are_one_table(tmp_path: Path, s3: Any, uri: str) -> None:
    bucket = s3.make_bucket()
    made = homes(tmp_path, "data")
    store = S3Store(bucket, "", s3.settings(tmp_path))
    for index in range(3):
        store.write(f"in/part-{index}.csv", csv_text(*ROWS[3 * index : 3 * index + 3]))
    made.ingest(source="s3://" + uri.format(bucket=bucket), **s3_fields(s3, tmp_path))
    assert prices(made) == [*range(9)]


@pytest.mark.parametrize(("key", "pattern", "right"), [
    ("a/b.csv", "a/*.csv", True), ("a/c/b.csv", "a/*.csv", False), ("a/c/b.csv", "a/**/*.csv", True),
    ("a/b.csv", "a/**/*.csv", True), ("a/b.csv", "a/[bc].csv", True), ("b.csv", "a/b.csv", False),
])  # fmt: skip
def test_a_star_stays_in_its_folder(key: str, pattern: str, right: bool) -> None:
    assert fits(key, pattern) == right


def test_a_file_whose_name_is_like_a_pattern_is_itself(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").touch()
    (tmp_path / "a1.csv").touch()
    assert files_of(tmp_path / "a[1].csv") == [tmp_path / "a[1].csv"]


def test_names_of_folders_are_columns() -> None:
    assert partitions_of("s3://b/year=2026/region=a%2Fb/x=__HIVE_DEFAULT_PARTITION__/part=1.csv") == {
        "year": "2026",
        "region": "a/b",
        "x": None,
    }
