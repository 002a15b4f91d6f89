"""An ensemble from the table to an answer of the serving API: chosen by folds, trained again, released."""

import json
from pathlib import Path

import mlflow.sklearn
import numpy as np
import onnxruntime
import pytest
import yaml
from registered_home import register, result_of
from trained_run import MODELS, copy_database

from molino.contracts.model_file import load_model
from molino.contracts.results import RegisterResult, TrainResult
from molino.contracts.settings import Settings
from serving.inference.model import load_bundle
from training.tracking.tracker import Tracker

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow, of its own types

TREES = ("oak", "elm", "ash", "fir")
TREE = {"kind": "sklearn", "estimator": "sklearn.tree.ExtraTreeRegressor"}
CANDIDATES = [
    {"name": "blend", "kind": "ensemble"},
    *(TREE | {"name": name, "parameters": {"random_state": seed}} for seed, name in enumerate(TREES)),
]
"""The ensemble stands first, and is trained last; a mean of random trees is better than each."""


@pytest.fixture(scope="module")
def settings(mlflow_database, tmp_path_factory):
    """A home with the run r1 of housing, registered."""
    folder = tmp_path_factory.mktemp("ensembles")
    settings = Settings(home=copy_database(mlflow_database, folder / "home"))
    content = yaml.safe_load((MODELS / "housing" / "model.yaml").read_text())
    content |= {"candidates": CANDIDATES, "selection": {"folds": 3}, "gate": {}}
    content["source"]["uri"] = str(MODELS / "housing" / content["source"]["uri"])
    (folder / "model.yaml").write_text(yaml.safe_dump(content))
    loaded = load_model(folder / "model.yaml")
    register(loaded, settings)
    return settings


@pytest.fixture(scope="module")
def trained(settings):
    return result_of(settings, "housing", "train", TrainResult)


def test_it_is_trained_after_its_members_and_chosen_by_folds(trained):
    assert trained.failed == {}
    assert trained.selected == "blend"
    worth = {one.name: one.validation["rmse"] for one in trained.candidates}
    assert worth["blend"] == min(worth.values())
    assert set(next(one for one in trained.candidates if one.name == "blend").validation_spread) >= {"rmse"}


def test_its_weights_are_in_the_record_and_in_mlflow(settings, trained):
    blend = next(one for one in trained.candidates if one.name == "blend")
    assert sum(blend.weights.values()) == pytest.approx(1)
    assert blend.weights.keys() <= set(TREES)
    params = Tracker(settings).client.get_run(blend.mlflow_run_id).data.params
    assert {name: float(params[f"weight.{name}"]) for name in blend.weights} == blend.weights
    assert all(one.weights == {} for one in trained.candidates if one.name != "blend")


def test_it_is_trained_again_with_the_weights_that_it_had(settings, trained):
    client = Tracker(settings).client
    again = client.get_run(next(one for one in trained.candidates if one.name == "blend").mlflow_run_id)
    assert again.info.run_name == "blend.refitted"
    assert int(again.data.params["rows_trained"]) == trained.rows_train + trained.rows_validation


def test_the_weighted_mean_of_its_members_is_what_it_answers(settings, trained, tmp_path):
    blend = next(one for one in trained.candidates if one.name == "blend")
    (native,) = Tracker(settings).client.search_logged_models(
        [trained.mlflow_experiment_id],
        filter_string=f"source_run_id = '{blend.mlflow_run_id}' AND name = 'blend-native'",
    )
    described = yaml.safe_load((Path(native.artifact_location.removeprefix("file://")) / "MLmodel").read_text())
    flavor = described["flavors"]["molino_ensemble"]
    assert flavor["weights"] == blend.weights
    for name in blend.weights:
        folder = Path(native.artifact_location.removeprefix("file://")) / flavor["members"] / name
        assert hasattr(mlflow.sklearn.load_model(str(folder)), "predict")
    session = onnxruntime.InferenceSession(Path(settings.store_uri) / blend.onnx.key)
    assert [one.name for one in session.get_inputs()] == ["features"]
    assert [one.name for one in session.get_outputs()] == ["prediction"]


def test_the_release_is_served(settings):
    registered = result_of(settings, "housing", "register", RegisterResult)
    model = load_bundle(Path(settings.store_uri) / "releases" / "housing" / registered.version)
    body = json.dumps({"data": [list(model.release.example.data[0])]}).encode()
    found = model.predict(model.read(body))
    assert np.allclose(found.values, [model.release.example.predictions[0]])
