"""What becomes of a run whose train pod, or whose scheduler, was killed while train ran.

Its model has a date, a Python file of its own, and a search.
"""

import hashlib

import pytest

from molino.contracts.release import Release
from molino.contracts.results import RegisterResult, TrainResult
from molino.contracts.steps import STEP_NAMES
from tests.e2e.installed import models, runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.killed import Killed
from tests.e2e.installed.outage import Outage
from tests.e2e.installed.report import show
from tests.e2e.installed.runs import PipelineRun
from tests.e2e.installed.watch import PodWatch, moment


@pytest.fixture(scope="module", params=["scheduler", "step"])
def killed(request: pytest.FixtureRequest, minio_away: Outage) -> PipelineRun:
    """A pipeline run in which something was killed, looked at when the store with its records is there again."""
    minio_away.over.result()
    found: Killed = request.getfixturevalue(f"killed_{request.param}")
    return found.pipeline_run.result()


def test_the_run_ends_well(killed: PipelineRun) -> None:
    assert killed.states == ("success", "success")


def test_each_step_has_one_record(killed: PipelineRun, installation: Installation) -> None:
    with runs.store(installation) as client:
        found = runs.records(client, "flats", killed.run_id)
    assert [(step, record.status) for step, record in found.items()] == [(step, "done") for step in STEP_NAMES]


def test_no_step_but_the_killed_one_ran_twice(killed: PipelineRun, pods: PodWatch) -> None:
    ran = [pod.step for pod in pods.of_run(killed.run_id) if pod.step != "train"]
    assert ran == [step for step in STEP_NAMES if step != "train"]


def test_nothing_is_doubled_in_mlflow(killed: PipelineRun, installation: Installation) -> None:
    with runs.registry(installation) as client:
        experiment = client.get_experiment_by_name("flats")
        assert experiment
        wanted = f"tags.`molino.run_id` = '{killed.run_id}' and attributes.status = 'FINISHED'"
        found = client.search_runs([experiment.experiment_id], wanted)
        versions = client.search_model_versions(f"name = 'flats' and tags.`molino.run_id` = '{killed.run_id}'")
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert (len(parents), len(versions)) == (1, 1)


def test_the_model_of_the_run_is_served(killed: PipelineRun, installation: Installation) -> None:
    assert runs.champion_run(installation, "flats") == killed.run_id


def test_the_search_ran_in_a_pod_as_runs_below_its_candidate(killed: PipelineRun, installation: Installation) -> None:
    with runs.store(installation) as client:
        trained = TrainResult.model_validate(runs.records(client, "flats", killed.run_id)["train"].result)
    (searched,) = (one for one in trained.candidates if one.search)
    assert searched.search
    assert (searched.name, searched.search.trials, searched.search.failed) == ("linear", models.TRIALS, 0)
    with runs.registry(installation) as client:
        wanted = f"tags.`mlflow.parentRunId` = '{searched.mlflow_run_id}' and attributes.status = 'FINISHED'"
        trials = client.search_runs([trained.mlflow_experiment_id], wanted)
    assert {run.data.tags["molino.trial"] for run in trials} == {str(number) for number in range(models.TRIALS)}


def test_the_python_file_of_the_values_was_trained_and_is_in_the_lineage(
    killed: PipelineRun, installation: Installation
) -> None:
    with runs.store(installation) as client:
        records = runs.records(client, "flats", killed.run_id)
    trained = TrainResult.model_validate(records["train"].result)
    assert (sorted(one.kind for one in trained.candidates), trained.failed) == (["linear", "python"], {})
    known = {models.CODE_FILE: hashlib.sha256(models.CODE.encode()).hexdigest()}
    assert [record.model_code for record in records.values()] == [known] * len(STEP_NAMES)


def test_the_release_tells_the_parts_of_the_date(killed: PipelineRun, installation: Installation) -> None:
    with runs.store(installation) as client:
        registered = RegisterResult.model_validate(runs.records(client, "flats", killed.run_id)["register"].result)
        assert registered.release
        release = Release.model_validate_json(runs.read(client, registered.release.key))
    (sold,) = (feature for feature in release.features if feature.name == models.SOLD)
    assert (sold.type, sold.options["parts"]) == ("date", ["year", "month", "age"])


def test_the_task_of_a_killed_scheduler_is_taken_up_again(killed_scheduler: Killed, airflow: Airflow) -> None:
    task = airflow.tasks(*killed_scheduler.pipeline_run.result().dag_runs[1])["train"]
    seconds = moment(task["start_date"]).timestamp() - killed_scheduler.at.result()
    show(f"a killed scheduler's task was taken up again after {seconds:.0f} s")
    assert seconds > 0


def test_no_pod_of_a_step_is_left(settled: None, installation: Installation) -> None:
    installation.wait_no_step()
