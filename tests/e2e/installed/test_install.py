"""What `helm install` brings up."""

import pytest

from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.installed import models
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.report import show

ALIVE = ("python", "/opt/molino/start.py", "alive")
EXAMPLE = {"data": [[0.1, 25.0, 5.13, 0, 0.453, 6.5, 45.0, 5.3, 4, 320, 15.3, 390.0, 12.0]]}


def test_no_container_had_to_be_started_twice(installation: Installation) -> None:
    restarts = {
        f"{pod['metadata']['name']}/{state['name']}": state["restartCount"]
        for pod in installation.pods()
        for state in pod["status"].get("containerStatuses", [])
    }
    assert {name: count for name, count in restarts.items() if count} == {}


def test_serving_without_a_release_says_that_nothing_was_deployed(installation: Installation) -> None:
    answer = installation.ask("POST", "/predict", EXAMPLE)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert "no model has been deployed" in answer.json["detail"]


def test_a_request_without_a_key_is_refused(installation: Installation) -> None:
    assert installation.ask("POST", "/predict", EXAMPLE, key=None).status == 401


def test_every_model_file_is_a_pair_of_dags(airflow: Airflow) -> None:
    expected = {f"{model}_{group}" for model in ("housing", "penguins") for group in ("data", "model")}
    airflow.wait_dags(expected)


def test_a_wrong_model_file_alone_is_an_import_error(airflow: Airflow) -> None:
    until("the import error", lambda: bool(airflow.import_errors()), 180)
    (error,) = airflow.import_errors()
    assert "wrong/model.yaml" in error["stack_trace"]
    assert "guessing" in error["stack_trace"]
    assert f"{models.WRONG}_data" not in airflow.dags()


def test_a_part_of_airflow_tells_whether_it_works(installation: Installation) -> None:
    ask = ("exec", f"deployment/{installation.name('airflow-dag-processor')}", "--", *ALIVE)
    installation.kubectl(*ask, "DagProcessorJob")
    with pytest.raises(ClusterError, match=r"no TriggererJob at [][0-9a-f.:]+ has left a sign of life for 60 s"):
        installation.kubectl(*ask, "TriggererJob")


def test_helm_test_finds_every_component_well(installation: Installation) -> None:
    assert "Phase:          Succeeded" in installation.helm("test", installation.release)


def test_the_idle_memory_is_measured(installation: Installation) -> None:
    if installation.cluster.in_docker:
        return
    memory = installation.cluster.memory_bytes()
    show(f"memory of all pods, idle: {memory / 2**30:.2f} GiB")
    assert memory < 3 * 2**30
