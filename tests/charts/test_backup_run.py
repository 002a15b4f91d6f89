"""What the CronJobs of backups run, as they are rendered, against a real Postgres and a real S3; without a cluster."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rendering import ROOT
from test_backup import containers

from tests.conftest import S3
from tests.ports import free_port
from tests.postgres import query, running_postgres

PASSWORD = "p@ss word"
DATABASES = ("airflow", "mlflow", "mlflow_auth")


@pytest.fixture(scope="module")
def postgres() -> Iterator[int]:
    with running_postgres("postgres", PASSWORD) as port:
        for name in DATABASES:
            ask(port, "postgres", f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
            ask(port, "postgres", f"CREATE DATABASE {name} OWNER {name}")
            ask(port, name, "CREATE TABLE kept (name text)", name)
            ask(port, name, f"INSERT INTO kept VALUES ('{name}')", name)
        yield port


def ask(port: int, database: str, sql: str, user: str = "postgres") -> list[Any]:
    return query(port, database, sql, user, PASSWORD)


def run_databases(container: dict[str, Any], dumps: Path, port: int) -> None:
    said = databases(container, dumps, port)
    assert said.returncode == 0, said.stderr


def databases(container: dict[str, Any], dumps: Path, port: int) -> "subprocess.CompletedProcess[str]":
    script = container["command"][2].replace("/dumps", str(dumps))
    passwords = {one["name"]: PASSWORD for one in container["env"] if one["name"].endswith("_PASSWORD")}
    environment = {"PATH": os.environ["PATH"], "PGHOST": "127.0.0.1", "PGPORT": str(port), **passwords}
    return subprocess.run(["bash", "-c", script], check=False, env=environment, capture_output=True, text=True)


def run_objects(container: dict[str, Any], dumps: Path, buckets: dict[str, str], s3: S3, home: Path) -> str:
    told = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    for name, bucket in buckets.items():
        told = {key: value.replace(f"s3://{name}", f"s3://{bucket}") for key, value in told.items()}
    steps = {
        "MOLINO_HOME": str(home), "MOLINO_STORE": f"s3://{buckets['molino-store']}", "MOLINO_DEPLOY_TARGET": "none",
        "MOLINO_GIT_REMOTE": f"s3://{buckets['molino-git']}/data", "MOLINO_DVC_REMOTE": f"s3://{buckets['molino-dvc']}",
        "MOLINO_MLFLOW_TRACKING_URI": "http://molino-mlflow:5000", "MOLINO_BACKUP_DUMPS": str(dumps),
        **{f"MOLINO_{key.upper()}": value for key, value in s3.keywords().items()},
    }  # fmt: skip
    command = [sys.executable, "-m", "molino", *container["args"]]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **told, **steps}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_cluster_comes_back_by_what_the_cronjobs_run(s3: S3, postgres: int, tmp_path: Path) -> None:
    from molino.contracts.address import Address
    from molino.contracts.settings import Settings
    from training.stores.opening import open_at

    names = ("molino-store", "molino-git", "molino-dvc", "molino-mlflow", "molino-logs", "molino-backups")
    first = {name: s3.make_bucket() for name in names}
    second = {name: s3.make_bucket() for name in names[:-1]} | {"molino-backups": first["molino-backups"]}
    settings: Settings = s3.settings(tmp_path / "home")
    for name in names[:-1]:
        open_at(Address(f"s3://{first[name]}/data"), settings).write("one", name.encode())
    made, brought = containers(), containers(name="molino-backup-restore")

    (tmp_path / "made").mkdir()
    run_databases(made["databases"], tmp_path / "made", postgres)
    run_objects(made["objects"], tmp_path / "made", first, s3, tmp_path / "home")
    for name in DATABASES:
        ask(postgres, name, "UPDATE kept SET name = 'lost'", name)
    said = run_objects(brought["objects"], tmp_path / "brought", second, s3, tmp_path / "other")
    run_databases(brought["databases"], tmp_path / "brought", postgres)

    assert [ask(postgres, name, "SELECT name FROM kept", name) for name in DATABASES] == [[(n,)] for n in DATABASES]
    found = {name: open_at(Address(f"s3://{second[name]}/data"), settings).read("one").decode() for name in names[:-1]}
    assert found == {name: name for name in names[:-1]}
    assert said.count("for pg_restore") == 3


def test_databases_that_hold_tables_are_refused_before_anything_is_written(postgres: int, tmp_path: Path) -> None:
    first = next(iter(containers(name="molino-backup-restore").values()))
    assert databases(first, tmp_path, free_port()).returncode != 0
    refused = databases(first, tmp_path, postgres)
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"the database {name} at molino-postgres holds 1 tables; nothing was written: restore to empty databases, or "
        "set backup.restore.over to write over them"
        for name in DATABASES
    ]
    try:
        codes = []
        for name in DATABASES:
            ask(postgres, name, "DROP TABLE kept", name)
            codes.append(databases(first, tmp_path, postgres).returncode)
        assert codes == [1, 1, 0]
    finally:
        for name in DATABASES:
            ask(postgres, name, f"CREATE TABLE IF NOT EXISTS kept AS SELECT '{name}' AS name", name)


def test_databases_of_a_new_installation_are_restored_to_and_those_with_runs_are_not(
    postgres: int, tmp_path: Path
) -> None:
    first = next(iter(containers(name="molino-backup-restore").values()))
    tables = {
        "airflow": ("variable (id int)", "dag_run (id int)"),
        "mlflow": ("runs (id int)", "registered_models (name text)"),
        "mlflow_auth": ("users (name text, is_admin boolean)",),
    }
    try:
        for name, made in tables.items():
            ask(postgres, name, "".join(f"CREATE TABLE {table};" for table in made), name)
        ask(postgres, "mlflow_auth", "INSERT INTO users VALUES ('admin', true)", "mlflow_auth")
        assert databases(first, tmp_path, postgres).returncode == 0
        ask(postgres, "airflow", "INSERT INTO dag_run VALUES (1)", "airflow")
        ask(postgres, "mlflow_auth", "INSERT INTO users VALUES ('ann', false)", "mlflow_auth")
        refused = databases(first, tmp_path, postgres)
        assert refused.returncode == 1
        assert [line.partition(";")[0] for line in refused.stderr.splitlines()] == [
            "the database airflow at molino-postgres holds 1 DAG runs and variables",
            "the database mlflow_auth at molino-postgres holds 1 users",
        ]
    finally:
        for name, made in tables.items():
            ask(postgres, name, "".join(f"DROP TABLE {table.partition(' ')[0]};" for table in made), name)
