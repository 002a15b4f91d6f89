"""Pods killed while train runs: the scheduler's, in which the task is at work, and the step's own."""

from dataclasses import dataclass

import pytest

from pipelines.steps import STEP_NAMES
from tests.cluster.waits import until
from tests.e2e.installed import models, runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import Wheel
from tests.e2e.installed.watch import PodWatch

NOW = ("--grace-period=0", "--force", "--wait=false")


@dataclass(frozen=True)
class Killed:
    """A turn in which something was killed."""

    run_id: str
    wheel: Wheel


def kill_during_train(installation: Installation, airflow: Airflow, pods: PodWatch, victim: str, raised: int) -> Killed:
    """Turn, and kill a pod once train's container runs: the scheduler's or the step's own."""
    run_id = f"e2e-killed-{victim}"

    def dearer(found: list[models.Row]) -> None:
        for _ in range(raised):
            models.dearer(found)

    with runs.store(installation) as client:
        source = runs.put(client, f"sources/{run_id}.csv", models.rows(dearer))
    known = airflow.run_ids("homes_model")
    airflow.trigger("homes_data", run_id=run_id, source=source)
    run = airflow.next_run("homes_model", known, 300)
    until("train's container", lambda: any(p.step == "train" and p.started for p in pods.of_run(run_id)), 300)
    if victim == "scheduler":
        (pod,) = installation.component_pods("airflow-scheduler")
        installation.kubectl("delete", "pod", pod["metadata"]["name"], *NOW)
    else:
        (name,) = [p.name for p in pods.of_run(run_id) if p.step == "train"]
        installation.kubectl("delete", "pod", name, *NOW)
    ended = airflow.wait("homes_model", run)
    return Killed(run_id, Wheel("homes", airflow.runs("homes_data")[0], ended))


@pytest.fixture(scope="module", params=["step", "scheduler"])
def killed(request: pytest.FixtureRequest, installation: Installation, airflow: Airflow, pods: PodWatch) -> Killed:
    # Each turn's rows are dearer than those before, so that the gate lets its model through.
    raised = ("step", "scheduler").index(request.param) + 1
    return kill_during_train(installation, airflow, pods, request.param, raised)


def test_the_run_ends_well(killed: Killed) -> None:
    assert killed.wheel.states == ("success", "success")


def test_each_step_has_one_record(killed: Killed, installation: Installation) -> None:
    with runs.store(installation) as client:
        found = runs.records(client, "homes", killed.run_id)
    assert [(step, record.status) for step, record in found.items()] == [(step, "done") for step in STEP_NAMES]


def test_no_pod_of_a_step_is_left(killed: Killed, installation: Installation) -> None:
    installation.wait_no_step()


def test_no_step_but_the_killed_one_ran_twice(killed: Killed, pods: PodWatch) -> None:
    ran = [pod.step for pod in pods.of_run(killed.run_id) if pod.step != "train"]
    assert ran == [step for step in STEP_NAMES if step != "train"]


def test_nothing_is_doubled_in_mlflow(killed: Killed, installation: Installation) -> None:
    with runs.registry(installation) as client:
        experiment = client.get_experiment_by_name("homes")
        assert experiment
        wanted = f"tags.`molino.run_id` = '{killed.run_id}' and attributes.status = 'FINISHED'"
        found = client.search_runs([experiment.experiment_id], wanted)
        versions = client.search_model_versions(f"name = 'homes' and tags.`molino.run_id` = '{killed.run_id}'")
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert (len(parents), len(versions)) == (1, 1)


def test_the_model_of_the_run_is_served(killed: Killed, installation: Installation) -> None:
    with runs.registry(installation) as client:
        champion = client.get_model_version_by_alias("homes", "champion")
    assert champion.tags["molino.run_id"] == killed.run_id
    assert runs.served_version(installation, "homes") == champion.version
