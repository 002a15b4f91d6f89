import subprocess
from pathlib import Path

import pytest
from ingested_run import IngestedRun

from molino.contracts.errors import VersionError
from molino.contracts.results import VersionResult
from molino.contracts.settings import Settings
from training.data_repository.repository import fetch_revision


@pytest.fixture
def folders(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_the_rows_of_each_revision_are_brought(settings: Settings, tmp_path: Path) -> None:
    versions = [IngestedRun(settings, data, data.decode()).version() for data in (b"r1", b"r2")]
    brought = [fetch_revision(settings, version, tmp_path / version.revision).read_bytes() for version in versions]
    assert brought == [b"r1", b"r2"]


def test_nothing_is_left_beside_the_rows(folders: Settings, tmp_path: Path) -> None:
    fetch_revision(folders, IngestedRun(folders).version(), tmp_path / "place" / "rows")
    assert [path.name for path in (tmp_path / "place").iterdir()] == ["rows"]


def test_rows_that_are_there_are_kept(folders: Settings, tmp_path: Path) -> None:
    version = IngestedRun(folders).version()
    before = fetch_revision(folders, version, tmp_path / "rows").stat().st_ino
    assert fetch_revision(folders, version, tmp_path / "rows").stat().st_ino == before


def test_other_rows_that_are_there_are_replaced(folders: Settings, tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"half")
    version = IngestedRun(folders).version()
    assert fetch_revision(folders, version, tmp_path / "rows").read_bytes() == b"rows"


def fault(settings: Settings, version: VersionResult, path: Path) -> str:
    with pytest.raises(VersionError) as caught:
        fetch_revision(settings, version, path)
    assert not path.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_revision_that_is_not_there_is_named(folders: Settings, tmp_path: Path) -> None:
    version = IngestedRun(folders).version().model_copy(update={"revision": "a" * 40})
    assert "a" * 40 in fault(folders, version, tmp_path / "rows")


def kept(settings: Settings) -> Path:
    """Return the one file in a DVC remote."""
    (path,) = [path for path in Path(settings.dvc_remote_uri).rglob("*") if path.is_file()]
    return path


def test_rows_that_are_gone_are_told(folders: Settings, tmp_path: Path) -> None:
    version = IngestedRun(folders).version()
    kept(folders).unlink()
    assert fault(folders, version, tmp_path / "rows").startswith(f"dvc pull with {folders.dvc_remote_uri}: ")


def test_rows_that_were_altered_are_refused(folders: Settings, tmp_path: Path) -> None:
    version = IngestedRun(folders).version()
    kept(folders).chmod(0o644)
    kept(folders).write_bytes(b"other")
    assert fault(folders, version, tmp_path / "rows")


def test_a_bucket_that_is_not_there_is_told_with_what_to_do(s3, tmp_path: Path) -> None:
    settings = s3.settings(tmp_path / "home", dvc_remote="s3://not-there/dvc")
    with pytest.raises(VersionError, match=r"MOLINO_DVC_REMOTE: .*there is no bucket 'not-there'.*; make it"):
        IngestedRun(settings, run_id="r1").version()


def test_a_failed_push_leaves_no_revision(s3, tmp_path: Path) -> None:
    settings = s3.settings(tmp_path / "home", dvc_remote="s3://not-there/dvc")
    with pytest.raises(VersionError):
        IngestedRun(settings, run_id="r1").version()
    listed = subprocess.run(["git", "ls-remote", settings.git_remote_uri], capture_output=True, text=True, check=True)
    assert listed.stdout == ""
