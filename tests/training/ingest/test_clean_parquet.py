import hashlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from molino.contracts.errors import SourceError, StepError
from training.ingest.clean_parquet import ROW_GROUP_ROWS, write_clean

SCHEMA = {"a": pl.Float64(), "b": pl.String()}
TABLE = pl.DataFrame({"a": [i / 7 for i in range(300_000)], "b": [str(i % 5) for i in range(300_000)]})


def parts(rows: int) -> Iterator[pl.DataFrame]:
    yield from TABLE.iter_slices(rows)


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    write_clean(parts(1000), SCHEMA, tmp_path / "a.parquet")
    assert pl.read_parquet(tmp_path / "a.parquet").equals(TABLE)


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    sha256 = write_clean(parts(1000), SCHEMA, tmp_path / "a.parquet")
    assert sha256 == hashlib.sha256((tmp_path / "a.parquet").read_bytes()).hexdigest()


def test_no_rows_make_an_empty_table(tmp_path: Path) -> None:
    write_clean(iter(()), SCHEMA, tmp_path / "a.parquet")
    assert pl.read_parquet(tmp_path / "a.parquet").schema == SCHEMA


@pytest.mark.parametrize("rows", [999, 65_536, ROW_GROUP_ROWS, 300_000])
def test_the_cut_into_batches_changes_no_byte(tmp_path: Path, rows: int) -> None:
    write_clean(parts(rows), SCHEMA, tmp_path / "a.parquet")
    write_clean(parts(10_000), SCHEMA, tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_an_error_of_the_batches_comes_out_as_it_is(tmp_path: Path) -> None:
    def failing() -> Iterator[pl.DataFrame]:
        yield from parts(50_000)
        raise SourceError("row 7 is broken")

    with pytest.raises(SourceError, match=r"^row 7 is broken$"):
        write_clean(failing(), SCHEMA, tmp_path / "a.parquet")


def test_a_folder_that_isnt_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=f"can't write {tmp_path}/no/a.parquet"):
        write_clean(parts(50_000), SCHEMA, tmp_path / "no" / "a.parquet")
