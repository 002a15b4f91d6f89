import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from bundles import build_housing, build_penguins

from molino.client import Client
from molino.contracts.settings import Settings
from molino.doctor import Finding, examine
from tests.ports import free_port

MODELS = Path(__file__).parents[2] / "pipelines" / "models"


@pytest.fixture
def unused_url() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def settings(tmp_path: Path, unused_url: str) -> Settings:
    return Settings(home=tmp_path, models=MODELS, serving_url=unused_url)


def found(settings: Settings, subject: str, **changes: object) -> Finding:
    """Return the finding about a subject, after some settings have been changed."""
    return next(item for item in examine(settings.model_copy(update=changes)) if item.subject.startswith(subject))


def test_a_fresh_machine_is_well(settings: Settings) -> None:
    assert [item for item in examine(settings) if not item.well] == []


def test_the_probe_leaves_nothing_in_the_store(settings: Settings) -> None:
    list(examine(settings))
    assert [path for path in (settings.root / "store").rglob("*") if path.is_file()] == []


def test_what_dvc_pushes_is_taken_away(settings: Settings) -> None:
    assert found(settings, "DVC remote").seen == str(settings.root / "dvc")
    assert [path for path in (settings.root / "dvc").rglob("*") if path.is_file()] == []


def test_dvc_itself_says_what_keeps_it_off(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    finding = found(settings, "DVC remote", dvc_remote=str(tmp_path / "file"))
    assert (finding.level, finding.seen.startswith("dvc push with")) == ("fail", True)


def test_what_is_served_is_compared_with_the_store(api: Client, settings: Settings, tmp_path: Path) -> None:
    releases = tmp_path / "store" / "releases"
    build_housing(releases, max_rows=50)
    build_penguins(releases)
    here = settings.model_copy(update={"serving_url": api.url})
    assert {name: found(here, f"release of {name}").level for name in ("housing", "penguins")} == {
        "housing": "ok",
        "penguins": "ok",
    }
    (releases / "housing" / "1" / "model.onnx").write_bytes(b"altered")
    (releases / "penguins" / "1" / "release.json").unlink()
    altered, gone = (found(here, f"release of {name}") for name in ("housing", "penguins"))
    assert altered.seen.endswith("its SHA-256 differs from the one in release.json")
    assert (altered.level, gone.level, "molino promote penguins" in gone.advice) == ("fail", "fail", True)


def test_a_store_that_can_t_be_written_is_bad(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert not found(settings, "store", store=str(tmp_path / "file")).well


def test_an_unreachable_store_names_its_variables(settings: Settings, unused_url: str) -> None:
    finding = found(settings, "store", store="s3://molino", s3_endpoint=unused_url)
    assert "MOLINO_S3_ENDPOINT" in finding.advice


def test_a_git_remote_that_is_none_is_bad(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert not found(settings, "git remote", git_remote=str(tmp_path / "empty")).well


def test_a_damaged_mlflow_database_is_bad(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database at all" * 100)
    assert not found(settings, "MLflow").well


def test_a_sound_mlflow_database_is_well(settings: Settings, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "mlflow.db")
    connection.execute("create table alembic_version (version_num text)")
    connection.close()
    assert found(settings, "MLflow").well


def test_an_mlflow_server_that_doesn_t_answer_is_bad(settings: Settings, unused_url: str) -> None:
    assert not found(settings, "MLflow", mlflow_tracking_uri=unused_url).well


def test_an_mlflow_server_of_another_protocol_is_bad(settings: Settings, foreign: Callable[[bytes], str]) -> None:
    assert not found(settings, "MLflow", mlflow_tracking_uri=foreign(b"SSH-2.0-OpenSSH_9.6\r\n")).well


def test_a_name_that_no_bucket_can_have_is_bad(settings: Settings) -> None:
    finding = found(settings, "store", store="s3://No_Bucket!", s3_endpoint="http://127.0.0.1:1")
    assert finding.seen == "s3://No_Bucket!: invalid bucket name No_Bucket!; check its name"


def test_a_port_that_another_program_has_is_bad(settings: Settings, foreign: Callable[[bytes], str]) -> None:
    assert "is taken" in found(settings, "serving API", serving_url=foreign(b"SSH-2.0-OpenSSH_9.6\r\n")).seen


def test_a_wrong_model_file_is_named_with_its_fault(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "models" / "rows").mkdir(parents=True)
    (tmp_path / "models" / "rows" / "model.yaml").write_text("name: rows\ntaks: regression\n")
    assert "model.yaml:2: taks: unknown key" in found(settings, "model file", models=tmp_path / "models").seen


def test_no_model_file_is_bad(settings: Settings, tmp_path: Path) -> None:
    assert found(settings, "model files", models=tmp_path).advice.startswith("set MOLINO_MODELS")


def test_a_taken_port_is_bad(settings: Settings) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        finding = found(settings, "serving API", serving_url=f"http://127.0.0.1:{port}")
    assert (finding.well, finding.seen) == (False, f"port {port} is taken")


def test_a_missing_program_is_bad(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert next(item for item in examine(settings) if item.subject == "git").seen == "not found"
