import pytest
from trained_run import copy_database

from molino.contracts.errors import TrackingError
from molino.contracts.settings import Settings
from training.tracking.tracker import Tracker


@pytest.fixture
def tracker(mlflow_database, tmp_path):
    return Tracker(Settings(home=copy_database(mlflow_database, tmp_path / "home")))


@pytest.fixture
def run(tracker):
    experiment = tracker.open_experiment("housing")
    return experiment, tracker.open_run(experiment, "r1", {"molino.model": "housing"})


def test_an_experiment_is_made_once(tracker):
    assert tracker.open_experiment("housing") == tracker.open_experiment("housing")


def test_artifacts_of_an_experiment_are_below_its_name(tracker, tmp_path):
    found = tracker.client.get_experiment(tracker.open_experiment("housing"))
    assert found.artifact_location == (tmp_path / "home" / "artifacts" / "housing").as_uri()


def test_a_deleted_experiment_is_refused(tracker):
    tracker.client.delete_experiment(tracker.open_experiment("housing"))
    with pytest.raises(TrackingError, match="experiment 'housing' is deleted; restore it"):
        tracker.open_experiment("housing")


def test_a_run_is_found_by_its_molino_run(tracker, run):
    assert [found.info.run_id for found in tracker.runs_of(run[0], "r1")] == [run[1]]


def test_runs_of_another_molino_run_are_not_found(tracker, run):
    assert tracker.runs_of(run[0], "r2") == []


def test_a_second_try_takes_the_place_of_the_first(tracker, run):
    tracker.open_child(run[0], run[1], "r1", "mlp", {})
    again = tracker.open_run(run[0], "r1", {})
    assert [found.info.run_id for found in tracker.runs_of(run[0], "r1")] == [again]


def test_a_child_run_knows_its_parent(tracker, run):
    child = tracker.open_child(run[0], run[1], "r1", "mlp", {})
    assert tracker.client.get_run(child).data.tags["mlflow.parentRunId"] == run[1]


def test_a_curve_has_a_value_per_step(tracker, run):
    tracker.log_history(run[1], {"loss": [3.0, 2.0]}, first=1)
    history = tracker.client.get_metric_history(run[1], "loss")
    assert [(point.step, point.value) for point in history] == [(1, 3.0), (2, 2.0)]


def test_a_curve_may_be_longer_than_mlflow_takes_at_once(tracker, run):
    tracker.log_history(run[1], {"loss": [0.5] * 2500})
    assert len(tracker.client.get_metric_history(run[1], "loss")) == 2500


def test_parameters_are_kept_as_text(tracker, run):
    tracker.log_params(run[1], {"hidden": (64, 32)})
    assert tracker.client.get_run(run[1]).data.params == {"hidden": "(64, 32)"}


def test_a_closed_run_has_its_status(tracker, run):
    tracker.close(run[1], "FAILED")
    assert tracker.client.get_run(run[1]).info.status == "FAILED"


def test_what_mlflow_refuses_is_one_line(tracker):
    with pytest.raises(TrackingError, match=r"MLflow: .*nowhere.* not found") as caught:
        tracker.close("nowhere")
    assert "\n" not in str(caught.value)
