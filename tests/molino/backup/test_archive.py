"""The archive of a real Postgres in a real S3: back to any moment, past what was dropped after it."""

import json
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from molino.backup.archive import Archive, number_of, open_archive, segment_name
from molino.backup.settings import BackupSettings
from molino.contracts.errors import BackupError
from molino.contracts.settings import Settings
from tests.conftest import S3

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
MANIFEST = {"WAL-Ranges": [{"Timeline": 1, "Start-LSN": "0/3000028", "End-LSN": "0/3000120"}]}
"""Begins in segment 3."""
SYSTEM = "7412345678901234567"


@pytest.fixture(params=["plain", "encrypted"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    key = KEY if request.param == "encrypted" else None
    settings = Settings(home=tmp_path / "home")
    with open_archive(settings, BackupSettings(store=str(tmp_path / "backups"), key=key)) as found:
        yield found


def segment(folder: Path, number: int, content: bytes = b"", timeline: int = 1, system: str = SYSTEM) -> Path:
    path = folder / f"{system}.{timeline:08X}{segment_name(number)}"
    path.write_bytes(content or f"segment {number}".encode())
    return path


def put(archive: Archive, folder: Path, *numbers: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        archive.put(segment(folder, number))


def put_base(archive: Archive, folder: Path, start: str = "0/3000028", system: str = SYSTEM) -> str:
    """Put a base backup of one file, as pg_basebackup writes it; return its id."""
    folder.mkdir()
    (folder / "PG_VERSION").write_text("17\n")
    subprocess.run(["tar", "--create", "--gzip", "--file", "base.tar.gz", "PG_VERSION"], cwd=folder, check=True)
    (folder / "PG_VERSION").unlink()
    (folder / "system_identifier").write_text(f"{system}\n")
    (folder / "backup_manifest").write_text(
        json.dumps({"WAL-Ranges": [{**MANIFEST["WAL-Ranges"][0], "Start-LSN": start}]})
    )
    return archive.put_base(folder).id


def test_numbers_and_names_of_segments_agree() -> None:
    name = "00000002000000A1000000FE"
    assert segment_name(number_of(name)) == name[8:]
    assert number_of("000000010000000100000000") == number_of("0000000100000000000000FF") + 1


def test_what_was_put_comes_back(archive: Archive, tmp_path: Path) -> None:
    base = put_base(archive, tmp_path / "base")
    put(archive, tmp_path / "log", 2, 3, 4)
    history = tmp_path / "log" / f"{SYSTEM}.00000002.history"
    history.write_text("1 0/4000000 before\n")
    archive.put(history)
    found = archive.fetch(None, tmp_path / "pgdata", tmp_path / "wal")
    assert found.id == base
    assert (tmp_path / "pgdata" / "PG_VERSION").read_text() == "17\n"
    assert (tmp_path / "pgdata").stat().st_mode & 0o777 == 0o700
    names = [path.name for path in sorted((tmp_path / "wal").iterdir())]
    assert names == ["000000010000000000000003", "000000010000000000000004", "00000002.history"]
    assert (tmp_path / "wal" / names[1]).read_text() == "segment 4"


def test_a_file_is_archived_once_and_never_another_in_its_place(archive: Archive, tmp_path: Path) -> None:
    put(archive, tmp_path / "log", 3)
    put(archive, tmp_path / "log", 3)
    with pytest.raises(BackupError, match="is there already, and another: a copy of this Postgres"):
        archive.put(segment(tmp_path / "log", 3, b"of another cluster"))


def test_the_base_backup_is_the_newest_before_the_moment(archive: Archive, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    first = put_base(archive, tmp_path / "first")
    between = datetime.now(UTC)
    put_base(archive, tmp_path / "second")
    put(archive, tmp_path / "log", 3)
    assert archive.fetch(between, tmp_path / "pgdata", tmp_path / "wal").id == first
    with pytest.raises(BackupError, match="there is no base backup before"):
        archive.fetch(before, tmp_path / "other", tmp_path / "wal")


def test_a_missing_segment_is_named_and_nothing_is_made(archive: Archive, tmp_path: Path) -> None:
    put_base(archive, tmp_path / "base")
    put(archive, tmp_path / "log", 3, 4, 6, 7)
    with pytest.raises(BackupError, match=r"1 segments of the log are missing .* 0000000000000005 of any timeline"):
        archive.fetch(None, tmp_path / "pgdata", tmp_path / "wal")
    assert not (tmp_path / "pgdata").exists()


def test_a_damaged_segment_is_named(archive: Archive, tmp_path: Path) -> None:
    put_base(archive, tmp_path / "base")
    put(archive, tmp_path / "log", 3)
    key = f"wal/{SYSTEM}/000000010000000000000003"
    data = bytearray(archive.store.read(key))
    data[len(data) // 2] ^= 1
    archive.store.write(key, bytes(data))
    with pytest.raises(BackupError, match=key):
        archive.fetch(None, tmp_path / "pgdata", tmp_path / "wal")


def test_old_base_backups_go_with_the_log_that_no_other_needs(archive: Archive, tmp_path: Path) -> None:
    put_base(archive, tmp_path / "first", "0/3000028")
    put(archive, tmp_path / "log", 3, 4, 5)
    kept = put_base(archive, tmp_path / "second", "0/5000028")
    assert archive.thin(2) == []
    assert archive.thin(1) == [f"{SYSTEM}/00000001000000000000000{number}" for number in (3, 4)]
    assert [base.id for base in archive.bases()] == [kept]
    assert archive.fetch(None, tmp_path / "pgdata", tmp_path / "wal").id == kept


def test_another_postgres_has_a_log_of_its_own(archive: Archive, tmp_path: Path) -> None:
    old = put_base(archive, tmp_path / "old")
    put(archive, tmp_path / "log", 3)
    new = put_base(archive, tmp_path / "new", system="7498765432109876543")
    other = segment(tmp_path / "log", 3, b"of the new one", system="7498765432109876543")
    archive.put(other)
    assert archive.fetch(None, tmp_path / "pgdata", tmp_path / "wal").id == new
    assert (tmp_path / "wal" / "000000010000000000000003").read_text() == "of the new one"
    assert archive.thin(2) == []
    assert archive.thin(1) == [f"{SYSTEM}/000000010000000000000003"]
    assert old not in {base.id for base in archive.bases()}
    assert archive.fetch(None, tmp_path / "again", tmp_path / "more").id == new


def test_an_unfinished_base_backup_is_refused(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "base.tar.gz").write_bytes(b"")
    with pytest.raises(
        BackupError, match=r"expected backup_manifest, base\.tar\.gz, system_identifier; found base\.tar\.gz"
    ):
        archive.put_base(tmp_path / "base")


def test_files_under_other_names_are_left_alone(archive: Archive, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    half = log / "part"
    half.write_bytes(b"half")
    stop = threading.Event()
    whole = segment(log, 2)
    assert next(archive.ship(log, stop, tmp_path / "alive")) == (whole.name, None)
    assert (tmp_path / "alive").is_file()
    stop.set()
    assert [path.name for path in log.iterdir()] == [half.name]


def test_what_cannot_be_put_stays_and_is_tried_again(s3: S3, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    path, stop = segment(log, 3), threading.Event()
    missing = s3.settings(tmp_path / "home")
    with open_archive(missing, BackupSettings(store="s3://no-such-bucket-here")) as archive:
        name, error = next(archive.ship(log, stop))
    assert name == path.name
    assert "no-such-bucket-here" in str(error)
    assert path.exists()
