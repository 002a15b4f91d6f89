import pytest

from molino.contracts.errors import TrackingError
from molino.contracts.settings import Settings
from training.tracking.registry import (
    CHAMPION,
    aliased_version,
    onnx_model_uri,
    point_alias,
    register_once,
    version_of_run,
)
from training.tracking.tracker import Tracker


@pytest.fixture
def client(mlflow_database, tmp_path):
    (tmp_path / "mlflow.db").write_bytes(mlflow_database.read_bytes())
    return Tracker(Settings(home=tmp_path)).client


@pytest.fixture
def mlflow_run(client, tmp_path):
    experiment = client.create_experiment("housing", artifact_location=(tmp_path / "artifacts").as_uri())
    return client.create_run(experiment).info.run_id


@pytest.fixture
def register(client, mlflow_run):
    """Register a logged model under the id of a Molino run."""
    experiment = client.get_run(mlflow_run).info.experiment_id
    model = client.create_logged_model(experiment, "onnx", mlflow_run)

    def register(run_id="r1"):
        tags = {"molino.candidate": "mlp"}
        return register_once(client, "housing", run_id, mlflow_run, f"models:/{model.model_id}", tags)

    return register


def test_a_version_carries_the_tags_and_the_run(register):
    assert register().tags == {"molino.candidate": "mlp", "molino.run_id": "r1"}


def test_a_run_registers_once(register):
    assert register().version == register().version


def test_another_run_makes_another_version(register):
    register()
    assert int(register("r2").version) == 2


def test_of_two_processes_that_register_the_same_run_one_version_stays(client, register, monkeypatch):
    first = register()
    looked = iter([None, first])
    monkeypatch.setattr("training.tracking.registry.version_of_run", lambda *_: next(looked))
    assert register().version == first.version
    assert len(client.search_model_versions("name = 'housing'")) == 1


def test_a_run_that_registered_nothing_has_no_version(client):
    assert version_of_run(client, "housing", "r1") is None


def test_an_alias_points_to_a_version(client, register):
    register()
    point_alias(client, "housing", CHAMPION, "1")
    assert aliased_version(client, "housing", CHAMPION) == "1"


def test_an_alias_of_an_unknown_model_points_nowhere(client):
    assert aliased_version(client, "housing", CHAMPION) is None


def test_an_alias_that_was_never_set_points_nowhere(client, register):
    register()
    assert aliased_version(client, "housing", CHAMPION) is None


def test_a_run_without_an_onnx_model_is_told_by_its_id(client, mlflow_run):
    with pytest.raises(TrackingError, match=f"MLflow run {mlflow_run} has no ONNX model"):
        onnx_model_uri(client, mlflow_run)


def test_a_refusal_of_mlflow_is_one_line(client):
    with pytest.raises(TrackingError, match="housing"):
        point_alias(client, "housing", CHAMPION, "7")
