"""A cluster's sets: buckets of a real S3 and databases of a real Postgres, into others that are empty."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from molino.backup.create import Retention, create
from molino.backup.restore import restore
from molino.backup.settings import BackupSettings
from molino.contracts.errors import BackupError
from molino.contracts.settings import Settings
from tests.conftest import S3
from tests.postgres import query, running_postgres
from training.stores.contract import Store
from training.stores.opening import open_at

PASSWORD = "p@ss/word"
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OBJECTS = {
    "store": {"runs/housing/r1/ingest.json": b"{}", "releases/housing/1/release.json": b"release"},
    "git_remote": {"refs/heads/main/0123.bundle": b"bundle"},
    "dvc_remote": {"files/md5/ab/cd": b"rows"},
    "mlflow_artifacts": {"1/a/artifacts/model.onnx": b"release"},
}
ROWS = "SELECT run_uuid, name FROM runs ORDER BY run_uuid"


@pytest.fixture(scope="module")
def postgres() -> Iterator[int]:
    with running_postgres("app", PASSWORD) as port:
        yield port


def address(port: int, database: str) -> str:
    return f"postgresql://app:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/{database}"


def ask(port: int, database: str, sql: str) -> list[tuple[object, ...]]:
    return query(port, database, sql, "app", PASSWORD)


@pytest.fixture
def databases(postgres: int, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A database that holds runs, and an empty one."""
    name = re.sub(r"\W", "", request.node.name)[:40].lower()
    names = f"{name}full", f"{name}empty"
    for one in names:
        ask(postgres, "postgres", f"CREATE DATABASE {one}")
    ask(postgres, names[0], "CREATE TABLE runs (run_uuid text PRIMARY KEY, name text)")
    ask(postgres, names[0], "INSERT INTO runs SELECT 'run' || n, 'größe' FROM generate_series(1, 500) n")
    return names


def cluster(s3: S3, home: Path, mlflow: str = "http://mlflow:5000") -> Settings:
    """Return the settings of a cluster whose buckets are empty."""
    buckets = {name: f"s3://{s3.make_bucket()}/data" for name in OBJECTS}
    return s3.settings(home, deploy_target="none", mlflow_tracking_uri=mlflow, **buckets)


def store(settings: Settings, name: str) -> Store:
    return open_at(getattr(settings, name), settings)


def fill(settings: Settings) -> None:
    for name, objects in OBJECTS.items():
        for key, data in objects.items():
            store(settings, name).write(key, data)


def held(settings: Settings) -> dict[str, dict[str, bytes]]:
    return {name: {key: store(settings, name).read(key) for key in store(settings, name).list("")} for name in OBJECTS}


@pytest.fixture
def full(s3: S3, tmp_path: Path) -> Settings:
    made = cluster(s3, tmp_path / "full")
    fill(made)
    return made


def sets(s3: S3, **more: object) -> BackupSettings:
    return BackupSettings(store=f"s3://{s3.make_bucket()}/one", **more)


def databases_of(port: int, name: str) -> dict[str, str]:
    return {"mlflow": address(port, name)}


def test_buckets_and_databases_come_back_in_an_empty_cluster(
    s3: S3, full: Settings, tmp_path: Path, postgres: int, databases: tuple[str, str]
) -> None:
    source, empty = databases
    backup = sets(s3, key=KEY, databases=databases_of(postgres, source))
    made = create(full, backup).manifest
    other = cluster(s3, tmp_path / "empty")
    there = BackupSettings(store=backup.store, key=KEY, databases=databases_of(postgres, empty))
    said = list(restore(other, there, "newest", False))

    assert {name: count.files for name, count in made.counts.items()} == {
        "databases": 1, "store": 2, "git": 1, "dvc": 1, "artifacts": 1,
    }  # fmt: skip
    assert held(other) == held(full) == OBJECTS
    assert ask(postgres, empty, ROWS) == ask(postgres, source, ROWS)
    assert len(ask(postgres, empty, ROWS)) == 500
    assert PASSWORD not in "".join(said) + made.model_dump_json()


def test_a_database_that_holds_tables_is_not_written_over(
    s3: S3, full: Settings, tmp_path: Path, postgres: int, databases: tuple[str, str]
) -> None:
    backup = sets(s3, databases=databases_of(postgres, databases[0]))
    create(full, backup)
    other = cluster(s3, tmp_path / "empty")
    with pytest.raises(BackupError, match=r"the database mlflow in postgresql://127\.0\.0\.1:.* isn't empty"):
        list(restore(other, backup, "newest", False))
    assert held(other) == {name: {} for name in OBJECTS}

    ask(postgres, databases[0], "DELETE FROM runs")
    list(restore(other, backup, "newest", True))
    assert len(ask(postgres, databases[0], ROWS)) == 500


def test_a_pod_is_given_dumps_and_leaves_dumps(
    s3: S3, full: Settings, tmp_path: Path, postgres: int, databases: tuple[str, str]
) -> None:
    """As the CronJob does it: pg_dump in one container, objects in the other, and back."""
    source, empty = databases
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    options = ["--format=custom", "--no-owner", "--no-privileges", f"--file={before / 'mlflow.dump'}"]
    subprocess.run(["pg_dump", *options, address(postgres, source)], check=True)
    backup = sets(s3, dumps=before)
    create(full, backup)
    said = list(restore(cluster(s3, tmp_path / "empty"), backup.model_copy(update={"dumps": after}), "newest", False))
    options = ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error"]
    subprocess.run(
        ["pg_restore", *options, f"--dbname={address(postgres, empty)}", str(after / "mlflow.dump")], check=True
    )

    assert f"dump of the database mlflow in {after / 'mlflow.dump'}, for pg_restore" in said
    assert ask(postgres, empty, ROWS) == ask(postgres, source, ROWS)


def test_a_bucket_that_holds_something_is_not_written_over(s3: S3, full: Settings) -> None:
    backup = sets(s3)
    create(full, backup)
    with pytest.raises(BackupError, match="isn't empty, nor are 3 other places"):
        list(restore(full, backup, "newest", False))


def test_unchanged_objects_are_neither_read_nor_written_again(
    s3: S3, full: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.stores.s3 import S3Store

    backup = sets(s3)
    create(full, backup)
    read: list[str] = []
    download = S3Store.download
    monkeypatch.setattr(S3Store, "download", lambda self, key, path: (read.append(key), download(self, key, path)))
    store(full, "store").write("runs/housing/r1/version.json", b"later")
    made = create(full, backup, Retention(keep=1))

    assert (read, made.new_files, len(made.removed)) == (["runs/housing/r1/version.json"], 1, 1)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MOLINO_BACKUP_KEY": "short"}, "MOLINO_BACKUP_KEY: expected 32 bytes in base64"),
        ({"MOLINO_BACKUP_DATABASES": "postgresql://db/one"}, "MOLINO_BACKUP_"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str) -> None:
    from molino.contracts.errors import SettingsError
    from molino.contracts.settings import read_environment

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said):
        read_environment(BackupSettings)


@pytest.mark.parametrize(
    ("databases", "said"),
    [
        ({"a/../b": "postgresql://u:geheim@h/x"}, "expected a name of letters, digits, - and _, not 'a/../b'"),
        (
            {"a": "postgresql://u:geheim@[h/x"},
            "a: expected a URL such as postgresql://host:port/database, with user and password",
        ),
        (
            {"a": "postgresql://u:geheim@h:99999/x"},
            "a: expected a URL such as postgresql://host:port/database, with user and password",
        ),
        (
            {"a": "postgresql://u:geheim@h"},
            "a: expected a URL such as postgresql://host:port/database, with user and password",
        ),
        (
            {"a": "mysql://u:geheim@h/x"},
            "a: expected a URL such as postgresql://host:port/database, with user and password",
        ),
    ],
)
def test_an_address_of_no_database_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, databases: dict[str, str], said: str
) -> None:
    from molino.contracts.errors import SettingsError
    from molino.contracts.settings import read_environment

    monkeypatch.setenv("MOLINO_BACKUP_DATABASES", json.dumps(databases))
    with pytest.raises(SettingsError) as caught:
        read_environment(BackupSettings)
    assert str(caught.value) == f"MOLINO_BACKUP_DATABASES: {said}"


def test_databases_are_named_by_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLINO_BACKUP_DATABASES", json.dumps(databases_of(5432, "one")))
    found = BackupSettings().databases["mlflow"]

    assert str(found) == "postgresql://127.0.0.1:5432/one"
    assert found.secret == address(5432, "one")


def test_a_database_that_cannot_be_reached_is_one_line_without_its_password(
    s3: S3, full: Settings, tmp_path: Path
) -> None:
    backup = sets(s3, databases={"mlflow": address(1, "one")})
    with pytest.raises(BackupError, match=r"^database mlflow \(postgresql://127\.0\.0\.1:1/one\): .*refused") as caught:
        create(full, backup)
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)
