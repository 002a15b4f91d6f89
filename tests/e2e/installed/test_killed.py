"""What becomes of a run whose train pod, or whose scheduler, was killed while train ran."""

from concurrent.futures import Future

import pytest

from pipelines.pods import run_id_of
from pipelines.steps import STEP_NAMES
from tests.e2e.installed import models, runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.killed import kill_scheduler, turn_and_kill
from tests.e2e.installed.report import show
from tests.e2e.installed.runs import Wheel
from tests.e2e.installed.watch import PodWatch, moment


@pytest.fixture(scope="module")
def by_hand(airflow: Airflow) -> str:
    """A run of a model DAG alone, with candidates that are named; under way when the scheduler is killed."""
    return airflow.trigger("penguins_model", candidates=["logistic"])


@pytest.fixture(scope="module")
def killed_scheduler(
    settled: None, installation: Installation, airflow: Airflow, pods: PodWatch, by_hand: str
) -> Wheel:
    # Dearer rows than those before, so that the gate lets the model through.
    source = runs.put_rows(installation, "dearer-again", models.dearer(2))
    turning = runs.start(airflow, "flats", "e2e-killed-scheduler", source=source)
    wheel, killed = turn_and_kill(installation, pods, turning, kill_scheduler)
    again = moment(airflow.tasks(*wheel.dag_runs[1])["train"]["start_date"]).timestamp()
    show(f"a killed scheduler's task was taken up again after {again - killed:.0f} s")
    return wheel


@pytest.fixture(scope="module", params=["step", "scheduler"])
def killed(request: pytest.FixtureRequest, killed_step: Future[Wheel]) -> Wheel:
    """A turn in which something was killed."""
    if request.param == "step":
        return killed_step.result()
    wheel: Wheel = request.getfixturevalue("killed_scheduler")
    return wheel


def test_the_run_ends_well(killed: Wheel) -> None:
    assert killed.states == ("success", "success")


def test_each_step_has_one_record(killed: Wheel, installation: Installation) -> None:
    with runs.store(installation) as client:
        found = runs.records(client, "flats", killed.run_id)
    assert [(step, record.status) for step, record in found.items()] == [(step, "done") for step in STEP_NAMES]


def test_no_step_but_the_killed_one_ran_twice(killed: Wheel, pods: PodWatch) -> None:
    ran = [pod.step for pod in pods.of_run(killed.run_id) if pod.step != "train"]
    assert ran == [step for step in STEP_NAMES if step != "train"]


def test_nothing_is_doubled_in_mlflow(killed: Wheel, installation: Installation) -> None:
    with runs.registry(installation) as client:
        experiment = client.get_experiment_by_name("flats")
        assert experiment
        wanted = f"tags.`molino.run_id` = '{killed.run_id}' and attributes.status = 'FINISHED'"
        found = client.search_runs([experiment.experiment_id], wanted)
        versions = client.search_model_versions(f"name = 'flats' and tags.`molino.run_id` = '{killed.run_id}'")
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert (len(parents), len(versions)) == (1, 1)


def test_the_model_of_the_run_is_served(killed: Wheel, installation: Installation) -> None:
    assert runs.champion_run(installation, "flats") == killed.run_id


def test_a_run_beside_it_trains_the_named_candidates_on_the_newest_data(
    killed_scheduler: Wheel, by_hand: str, airflow: Airflow, installation: Installation
) -> None:
    assert airflow.wait("penguins_model", by_hand)["state"] == "success"
    with runs.store(installation) as client:
        found = runs.records(client, "penguins", run_id_of(by_hand))
    assert found["version"].run_id == "e2e-penguins"
    assert [one["name"] for one in found["train"].result["candidates"]] == ["logistic"]


def test_no_pod_of_a_step_is_left(killed_scheduler: Wheel, installation: Installation) -> None:
    installation.wait_no_step()
