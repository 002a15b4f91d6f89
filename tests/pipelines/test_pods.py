"""A step as a pod: what Airflow is told."""

import base64
import gzip
import re
from pathlib import Path

import pytest

from molino.contracts.model_file import parse_model
from molino.contracts.steps import STEP_NAMES
from pipelines.pods import PodSettings, StepPod, pack, run_id_of, step_pod

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


def test_the_same_model_file_is_packed_the_same() -> None:
    assert pack(b"name: one") == pack(b"name: one")


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
