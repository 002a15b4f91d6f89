"""What must not come into service: a model that the gate refuses, and a release that no server can load."""

from concurrent.futures import Future

from molino.contracts.steps import STEP_NAMES
from tests.e2e.installed import runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.broken import BESIDE, BROKEN, Broken
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import PipelineRun
from tests.e2e.installed.watch import PodWatch


def test_a_run_that_the_gate_refuses_is_no_error(refused: Future[PipelineRun]) -> None:
    assert refused.result().states == ("success", "success")


def test_it_is_recorded_as_rejected_with_the_reasons(refused: Future[PipelineRun], installation: Installation) -> None:
    with runs.store(installation) as client:
        found = runs.records(client, "homes", refused.result().run_id)
    assert (found["register"].status, found["deploy"].status) == ("rejected", "rejected")
    assert found["evaluate"].result["verdict"]["reasons"]


def test_the_champion_stays(refused: Future[PipelineRun], installation: Installation) -> None:
    refused.result()
    assert runs.aliases(installation, "homes")["champion"] == "2"
    assert runs.served_version(installation, "homes") == "2"


def test_a_release_that_no_server_loads_fails_the_deploy(broken: Broken, airflow: Airflow) -> None:
    states = {step: task["state"] for step, task in airflow.tasks(*broken.pipeline_run.dag_runs[1]).items()}
    assert states == {"train": "success", "evaluate": "success", "register": "success", "deploy": "failed"}


def test_it_is_not_tried_again(broken: Broken, pods: PodWatch) -> None:
    assert [pod.step for pod in pods.of_run(BROKEN)] == list(STEP_NAMES)


def test_the_version_before_serves_again(broken: Broken, installation: Installation) -> None:
    installation.wait_ready(120)
    assert runs.served_version(installation, "homes") == "2"
    assert runs.aliases(installation, "homes")["champion"] == "2"


def test_another_model_that_deploys_at_that_time_comes_into_service(
    broken: Broken, installation: Installation, pods: PodWatch
) -> None:
    assert broken.beside.states == ("success", "success")
    assert runs.champion_run(installation, "flats") == BESIDE
    assert [pod.step for pod in pods.of_run(BESIDE)] == list(STEP_NAMES)  # its deploy step was never tried again
