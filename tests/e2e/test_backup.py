"""The drill of the embedded mode: a home that has trained is backed up, lost, and restored to an empty one."""

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from embedded import Ended, Home, quick_home

pytestmark = pytest.mark.embedded


@dataclass
class Drill:
    """What was there, and what the restored home has, at another place; the first home is gone."""

    before: Home
    restored: Home
    ran: Ended
    runs_before: list[Any]
    files_before: dict[str, bytes]
    said: str
    ran_again: Ended


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Drill:
    home = quick_home(tmp_path_factory.mktemp("drill"), database=mlflow_database)
    home.variables = {**home.variables, "MOLINO_BACKUP_STORE": str(home.path.with_name("sets"))}
    ran = home.run("quick")
    made = home.molino("backup", "create")
    assert made.returncode == 0, made.stderr
    runs, files = mlflow_runs(home), kept_files(home)
    shutil.rmtree(home.path)
    restored = replace(home, path=home.path.with_name("restored"))
    said = restored.molino("backup", "restore")
    assert said.returncode == 0, said.stderr
    return Drill(home, restored, ran, runs, files, said.stdout, restored.run("quick"))


def kept_files(home: Home) -> dict[str, bytes]:
    """Return every file of the folders that a set has."""
    folders = ("store", "dvc", "artifacts", "serving", "tensorboard")
    return {
        str(path.relative_to(home.path)): path.read_bytes()
        for folder in folders
        for path in sorted((home.path / folder).rglob("*"))
        if path.is_file()
    }


def mlflow_runs(home: Home) -> list[Any]:
    """Return all runs of MLflow with their metrics, and the registered versions."""
    with closing(sqlite3.connect(home.path / "mlflow.db")) as database:
        return [
            *database.execute("SELECT run_uuid, name, status, start_time, end_time FROM runs ORDER BY run_uuid"),
            *database.execute("SELECT run_uuid, key, value, step FROM metrics ORDER BY run_uuid, key, step"),
            *database.execute("SELECT name, version, run_id FROM model_versions ORDER BY name, version"),
            *database.execute("SELECT name, alias, version FROM registered_model_aliases ORDER BY name, alias"),
        ]


def test_the_champion_answers_the_same_and_no_step_runs_again(drill: Drill) -> None:
    assert drill.ran_again.code == 0, drill.ran_again.errors
    assert "no step runs again" in drill.ran_again.output
    assert drill.ran_again.answer["predictions"] == drill.ran.answer["predictions"]
    assert drill.ran_again.answer["model"] == drill.ran.answer["model"]


def test_runs_of_mlflow_and_versions_are_the_same(drill: Drill) -> None:
    assert len(drill.runs_before) > 3
    assert mlflow_runs(drill.restored) == drill.runs_before


def test_every_file_has_its_bytes(drill: Drill) -> None:
    assert {name: kept_files(drill.restored).get(name) for name in drill.files_before} == drill.files_before


def test_the_data_revision_of_the_record_is_in_the_restored_repository(drill: Drill) -> None:
    revision = drill.restored.lineage(drill.ran.run_id, "quick")["records"]["version"]["result"]["revision"]
    found = subprocess.run(
        ["git", "cat-file", "-t", revision], cwd=drill.restored.path / "data.git", capture_output=True, text=True
    )

    assert found.stdout == "commit\n"


def test_mlflow_looks_for_artifacts_in_the_restored_home(drill: Drill) -> None:
    with closing(sqlite3.connect(drill.restored.path / "mlflow.db")) as database:
        found = {uri for (uri,) in database.execute("SELECT artifact_uri FROM runs")}

    assert found
    assert all(uri.startswith((drill.restored.path / "artifacts").as_uri()) for uri in found)


def test_it_says_what_it_restored(drill: Drill) -> None:
    lines = drill.said.splitlines()

    assert lines[0].endswith("files are what its manifest says")
    assert [line.partition(":")[0] for line in lines[1:]] == [
        "serving", "store", "dvc", "artifacts", "repository",
        f"database mlflow in {drill.restored.path / 'mlflow.db'}", "in service",
    ]  # fmt: skip


def test_a_home_that_holds_something_is_refused(drill: Drill) -> None:
    refused = drill.restored.molino("backup", "restore")

    assert refused.returncode == 1
    assert "isn't empty, nor are" in refused.stderr
    assert "say --over" in refused.stderr


def test_one_damaged_byte_is_refused_with_its_name_and_nothing_is_restored(drill: Drill, tmp_path: Path) -> None:
    sets = tmp_path / "sets"
    shutil.copytree(drill.before.path.with_name("sets"), sets)
    manifest = json.loads(next(sets.glob("sets/*/manifest.json")).read_text())
    release = next(held for held in manifest["files"] if held["key"] == "releases/quick/1/model.onnx")
    blob = sets / "blobs" / release["sha256"][:2] / release["sha256"]
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)
    empty = replace(
        drill.before, path=tmp_path / "empty", variables={**drill.before.variables, "MOLINO_BACKUP_STORE": str(sets)}
    )

    for command in ("verify", "restore"):
        refused = empty.molino("backup", command)
        assert refused.returncode == 1
        assert f"blobs/{release['sha256'][:2]}/{release['sha256']}" in refused.stderr
        assert "quick/1/model.onnx" in refused.stderr
    assert not list(empty.path.rglob("*.onnx"))
