"""A step as a pod: what Airflow is told."""

import base64
import gzip
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file import parse_model
from molino.contracts.model_file.named import load_named_model
from molino.contracts.settings import Settings
from molino.contracts.steps import STEP_NAMES
from pipelines.model_files import EXTRA, read_model_files
from pipelines.pods import LARGEST_VARIABLE, MODEL_FOLDER, PodSettings, StepPod, notice_pod, pack, run_id_of, step_pod

MODELS = Path(__file__).resolve().parents[2] / "pipelines" / "models"
SETTINGS = PodSettings(image_prefix="registry.example/molino-", image_tag="1.2.3", deploy_service_account="deployer")


def pod(step: str, more: str = "") -> StepPod:
    content = (MODELS / "penguins" / "model.yaml").read_bytes() + more.encode()
    return step_pod(SETTINGS, parse_model(content, "penguins"), content, step, "run-1")


@pytest.mark.parametrize("step", STEP_NAMES)
def test_a_step_has_its_own_image(step: str) -> None:
    assert pod(step).image == f"registry.example/molino-{step}:1.2.3"


def test_a_step_is_the_command_that_the_embedded_mode_runs() -> None:
    assert pod("train").arguments == ("step", "train", "--model", "penguins", "--run-id", "run-1")


def test_a_pod_gets_the_model_file() -> None:
    content = pod("ingest").environment["MOLINO_MODEL_CONTENT"]
    assert gzip.decompress(base64.b64decode(content)) == (MODELS / "penguins" / "model.yaml").read_bytes()


def test_a_notice_s_pod_alone_gets_what_it_is_sent_by() -> None:
    places = {"MOLINO_NOTICE_SLACK": "own/slack-url", "MOLINO_S3_SECRET_KEY": "s3/key", "MOLINO_API_KEY": "api/key"}
    settings = SETTINGS.model_copy(update={"secrets": places})
    content = (MODELS / "penguins" / "model.yaml").read_bytes()
    step = step_pod(settings, parse_model(content, "penguins"), content, "deploy", "run-1")
    notice = notice_pod(settings, "penguins", "run-1")
    assert set(notice.secrets) == {"MOLINO_NOTICE_SLACK", "MOLINO_S3_SECRET_KEY"}
    assert set(step.secrets) == {"MOLINO_API_KEY", "MOLINO_S3_SECRET_KEY"}
    assert (notice.image, notice.automount_token) == ("registry.example/molino-ingest:1.2.3", False)
    assert notice.arguments == ("notice", "--model", "penguins", "--run-id", "run-1")


def test_the_same_model_file_is_packed_the_same() -> None:
    assert pack(b"name: one") == pack(b"name: one")


def test_linux_hands_a_program_the_largest_variable() -> None:
    environment = {"MOLINO_MODEL_CONTENT": "x" * LARGEST_VARIABLE}
    done = subprocess.run([sys.executable, "-c", ""], env=environment, check=False)
    assert done.returncode == 0


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model file of the values whose packed form no variable holds."""
    noise = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(6000))
    content = (MODELS / "penguins" / "model.yaml").read_bytes() + f"# {noise}\n".encode()
    assert len(pack(content)) > LARGEST_VARIABLE
    (tmp_path / "penguins.yaml").write_bytes(content)
    monkeypatch.setenv(EXTRA, str(tmp_path))
    return tmp_path


def test_a_model_file_that_no_variable_holds_is_mounted(large: Path) -> None:
    found = read_model_files()
    model, content = found.models["penguins"]
    made = step_pod(
        SETTINGS, model, content, "train", "run-1", code=found.code["penguins"], keys=found.keys["penguins"]
    )
    assert made.model_files == {"model.yaml": "penguins.yaml"}
    assert made.environment["MOLINO_MODEL_FILE"] == f"{MODEL_FOLDER}/model.yaml"
    assert max(map(len, made.environment.values())) < 1000

    mounted = large / "mounted" / "model.yaml"
    mounted.parent.mkdir()
    mounted.write_bytes(content)
    settings = Settings(model_file=mounted, model_digest=made.environment["MOLINO_MODEL_DIGEST"])
    loaded = load_named_model(settings, "penguins")
    assert (loaded.file, settings.in_a_pod) == (model, True)
    assert loaded.path == settings.models.resolve() / "penguins" / "model.yaml"
    mounted.write_bytes(content + b"# changed\n")
    with pytest.raises(ModelFileError, match="the model file was changed while its run went on: start the run again"):
        load_named_model(settings, "penguins")


def test_a_small_model_file_of_the_values_stays_that_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "penguins.yaml").write_bytes((MODELS / "penguins" / "model.yaml").read_bytes())
    monkeypatch.setenv(EXTRA, str(tmp_path))
    found = read_model_files()
    made = step_pod(SETTINGS, *found.models["penguins"], "train", "run-1", keys=found.keys["penguins"])
    assert (made.model_files, "MOLINO_MODEL_CONTENT" in made.environment) == ({}, True)


def test_a_large_model_file_of_the_image_says_what_to_do(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(EXTRA)
    folder = tmp_path / "image" / "penguins"
    folder.mkdir(parents=True)
    (large / "penguins.yaml").rename(folder / "model.yaml")
    monkeypatch.setattr("pipelines.model_files.BUILT_IN", folder.parent)
    said = read_model_files().errors["penguins"]
    assert said.endswith("give it to the chart by --set-file models.penguins=model.yaml, and pods mount it")


@pytest.mark.parametrize("step", STEP_NAMES)
def test_a_step_has_its_own_secrets_alone(step: str) -> None:
    names = ("MOLINO_S3_SECRET_KEY", "MOLINO_MLFLOW_PASSWORD", "MOLINO_API_KEY")
    settings = SETTINGS.model_copy(
        update={"secrets": {name: f"own/{name}" for name in names}, "secret_files": {"MOLINO_GIT_SSH_KEY": "own/key"}}
    )
    content = (MODELS / "penguins" / "model.yaml").read_bytes()
    made = step_pod(settings, parse_model(content, "penguins"), content, step, "run-1")
    assert {*made.secrets, *made.secret_files} == {
        "ingest": {"MOLINO_S3_SECRET_KEY"},
        "version": {"MOLINO_S3_SECRET_KEY", "MOLINO_GIT_SSH_KEY"},
        "train": {"MOLINO_S3_SECRET_KEY", "MOLINO_MLFLOW_PASSWORD", "MOLINO_GIT_SSH_KEY"},
        "evaluate": {"MOLINO_S3_SECRET_KEY", "MOLINO_MLFLOW_PASSWORD"},
        "register": {"MOLINO_S3_SECRET_KEY", "MOLINO_MLFLOW_PASSWORD"},
        "deploy": {"MOLINO_S3_SECRET_KEY", "MOLINO_MLFLOW_PASSWORD", "MOLINO_API_KEY"},
    }[step]


def test_a_pod_has_the_resources_of_the_model_file() -> None:
    train = pod("train", "\nresources:\n  train: {cpu: '3', memory: 4Gi}\n")
    assert (train.requests, train.limits) == ({"cpu": "3", "memory": "4Gi"}, {"memory": "4Gi"})


@pytest.mark.parametrize("step", STEP_NAMES)
def test_only_deploy_may_change_the_cluster(step: str) -> None:
    found = pod(step)
    assert (found.automount_token, found.service_account == "deployer") == (step == "deploy", step == "deploy")


@pytest.mark.parametrize("run", ["manual__2026-11-23T22:00:00.123+00:00", "asset triggered/1", "x" * 400])
def test_a_run_id_fits_a_key(run: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", run_id_of(run))
