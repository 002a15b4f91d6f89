import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from molino.backup.settings import BackupSettings
from molino.contracts.settings import Settings


def fill(settings: Settings) -> None:
    """Fill a home as steps do, in small: two records, a version of the data in git and DVC, a database."""
    root = settings.root
    for name in ("store/runs/housing/r1/ingest.json", "store/runs/housing/r1/ingest/clean.parquet", "dvc/files/md5/ab"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"bytes of {name}".encode())
    with closing(sqlite3.connect(root / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE runs (run_uuid TEXT, artifact_uri TEXT)")
        database.execute("INSERT INTO runs VALUES ('a', ?)", ((root / "artifacts" / "1" / "a").as_uri(),))
    work = root / "clone"
    repository = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (
        ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(root / "data.git")],
        ["git", "clone", "--quiet", str(root / "data.git"), str(work)],
        [*repository, "-C", str(work), "commit", "--quiet", "--allow-empty", "--message=first"],
        ["git", "-C", str(work), "push", "--quiet", "origin", "HEAD:refs/heads/main"],
    ):
        subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home that holds something."""
    made = Settings(home=tmp_path / "home")
    made.root.mkdir()
    fill(made)
    return made


@pytest.fixture
def backup(tmp_path: Path) -> BackupSettings:
    """Sets in a folder."""
    return BackupSettings(store=str(tmp_path / "sets"))
