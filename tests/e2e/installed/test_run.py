"""One run of both housing DAGs through Airflow's REST API, each step in a pod of its own image."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from molino.contracts.record import Record
from molino.contracts.results import RegisterResult, VersionResult
from molino.contracts.steps import STEP_NAMES
from tests.e2e.installed import runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.report import show
from tests.e2e.installed.runs import FIRST, PipelineRun
from tests.e2e.installed.test_install import EXAMPLE
from tests.e2e.installed.times import start_seconds, step_times, table
from tests.e2e.installed.watch import PodWatch, StepPod

PARSE_LIMIT = 0.5
"""Seconds for one DAG."""


@pytest.fixture(scope="module")
def records(first: PipelineRun, installation: Installation) -> Mapping[str, Record]:
    with runs.store(installation) as client:
        return runs.records(client, "housing", FIRST)


@pytest.fixture(scope="module")
def step_pods(first: PipelineRun, pods: PodWatch) -> list[StepPod]:
    return pods.of_run(FIRST)


def test_both_dags_end_well(first: PipelineRun) -> None:
    assert first.states == ("success", "success")


def test_each_step_ran_once_in_a_pod_of_its_own_image(step_pods: list[StepPod]) -> None:
    found = [(pod.step, pod.image.rpartition("/")[2].partition(":")[0], pod.exit_code) for pod in step_pods]
    assert found == [(step, f"molino-{step}", 0) for step in STEP_NAMES]


def test_no_pod_of_a_step_is_left(installation: Installation, step_pods: list[StepPod]) -> None:
    installation.wait_no_step()


def test_the_time_of_each_step_is_known(
    airflow: Airflow, first: PipelineRun, step_pods: list[StepPod], records: Mapping[str, Record]
) -> None:
    times = step_times(airflow, first.dag_runs, step_pods, records)
    show(table(times))
    assert [time.step for time in times] == list(STEP_NAMES)


def test_a_dag_is_soon_parsed(airflow: Airflow, first: PipelineRun) -> None:
    dags = airflow.dags()
    seconds = airflow.parse_seconds("housing_data")
    show(f"the file of {len(dags)} DAGs was parsed in {seconds:.2f} s")
    assert seconds / len(dags) < PARSE_LIMIT


def test_each_step_left_its_record(records: Mapping[str, Record]) -> None:
    assert [(step, record.status) for step, record in records.items()] == [(step, "done") for step in STEP_NAMES]


def test_each_record_names_the_image_of_its_pod(records: Mapping[str, Record], step_pods: list[StepPod]) -> None:
    assert [record.image for record in records.values()] == [pod.image for pod in step_pods]


def test_what_a_step_took_in_is_what_the_one_before_gave(records: Mapping[str, Record]) -> None:
    ingested = {artifact.key: artifact.sha256 for artifact in records["ingest"].outputs}
    taken = {artifact.key: artifact.sha256 for artifact in records["version"].inputs}
    assert taken
    assert taken.items() <= ingested.items()


def test_the_rows_of_a_data_version_come_by_git_clone_and_dvc_pull(
    installation: Installation, records: Mapping[str, Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = VersionResult.model_validate(records["version"].result)
    keys = installation.secret(installation.name("minio"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["steps-access-key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["steps-secret-key"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")  # git-remote-s3 and dvc
    with installation.forward("minio", 9000) as port:
        outside = f"http://127.0.0.1:{port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", outside)
        data = tmp_path / "data"
        subprocess.run(["git", "clone", "--quiet", version.git_remote, data], check=True)
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=data, capture_output=True, text=True, check=True)
        assert head.stdout.strip() == version.revision
        assert version.md5 in (data / f"{version.path}.dvc").read_text()
        subprocess.run(
            ["dvc", "remote", "modify", "--quiet", "--local", "storage", "endpointurl", outside], cwd=data, check=True
        )
        subprocess.run(["dvc", "pull", "--quiet"], cwd=data, check=True)
    rows = (data / version.path).read_bytes()
    assert hashlib.md5(rows, usedforsecurity=False).hexdigest() == version.md5


def test_the_registry_serving_and_the_lineage_agree(installation: Installation, records: Mapping[str, Record]) -> None:
    registered = RegisterResult.model_validate(records["register"].result)
    with runs.registry(installation) as client:
        version = client.get_model_version_by_alias("housing", "champion")
        tags = dict(version.tags)
    assert version.version == registered.version == runs.served_version(installation, "housing")
    assert tags["molino.data_revision"] == VersionResult.model_validate(records["version"].result).revision
    assert tags["molino.run_id"] == FIRST


def test_the_pods_that_serve_it_started_once(first: PipelineRun, installation: Installation) -> None:
    serving = [pod for pod in installation.component_pods("serving") if "deletionTimestamp" not in pod["metadata"]]
    show(f"serving pods, from made to ready: {[start_seconds(pod) for pod in serving]} s")
    restarts = [status["restartCount"] for pod in serving for status in pod["status"]["containerStatuses"]]
    assert restarts == [0] * len(serving)
    assert len(serving) == installation.get("deployment", installation.name("serving"))["spec"]["replicas"]


def test_the_ingress_answers_with_the_model(installation: Installation) -> None:
    answer = installation.ask("POST", "/predict", EXAMPLE)
    assert (answer.status, answer.json["model"]) == (200, {"name": "housing", "version": "1"})
    assert 5 < answer.json["predictions"][0] < 50


def test_a_wrong_key_is_refused(installation: Installation) -> None:
    assert installation.ask("POST", "/predict", EXAMPLE, key="wrong").status == 401


def test_a_wrong_path_is_not_found(installation: Installation) -> None:
    assert installation.ask("POST", "/none", EXAMPLE).status == 404


@pytest.mark.parametrize("step", STEP_NAMES)
def test_a_task_links_to_mlflow_and_tensorboard(airflow: Airflow, first: PipelineRun, step: str) -> None:
    dag, run = next((dag, run) for dag, run in first.dag_runs if step in airflow.tasks(dag, run))
    links = airflow.links(dag, run, step)
    place = "#/experiments/" if step == "train" else "#/models/housing"
    assert links["MLflow"].startswith(f"http://localhost:5000/{place}")
    assert links["TensorBoard"].startswith("http://localhost:8090/?runFilter=housing")


@pytest.mark.parametrize("step", STEP_NAMES)
def test_the_log_of_a_step_is_there_after_its_pod(airflow: Airflow, first: PipelineRun, step: str) -> None:
    dag, run = next((dag, run) for dag, run in first.dag_runs if step in airflow.tasks(dag, run))
    log = airflow.log(dag, run, step)
    assert f'"step": "{step}"' in log or f'\\"step\\": \\"{step}\\"' in log, log[-2000:]


def test_the_logs_are_in_the_object_store(installation: Installation, first: PipelineRun) -> None:
    with runs.store(installation, "airflow") as client:
        keys = [item.object_name for item in client.list_objects(bucket_name="molino-logs", recursive=True)]
    assert any(key and "dag_id=housing_data" in key and "task_id=ingest" in key for key in keys)
