"""Candidates of other people's estimators, from the table to an answer of the serving API."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from registered_home import register, result_of
from trained_run import MODELS, copy_database

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file import LoadedModel, load_model
from molino.contracts.model_file.parts import changed_parts
from molino.contracts.results import RegisterResult, TrainResult
from molino.contracts.settings import Settings
from serving.inference.model import load_bundle
from training.step import read_record, run_step
from training.stores.file import FolderStore
from training.tracking.tracker import Tracker

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow, of its own types

ROOT = Path(__file__).parents[3]
CANDIDATES = [
    {"name": "forest", "kind": "sklearn", "estimator": "sklearn.ensemble.RandomForestClassifier",
     "parameters": {"n_estimators": 20}},
    {"name": "xgboost", "kind": "xgboost", "parameters": {"n_estimators": 20}},
    {"name": "lightgbm", "kind": "lightgbm", "parameters": {"n_estimators": 20}},
    {"name": "own", "kind": "python", "file": "own.py", "parameters": {"neighbours": 7}},
]  # fmt: skip

OWN = """
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

def estimator(neighbours):
    return make_pipeline(MinMaxScaler(), KNeighborsClassifier(neighbours))
"""
SERVE = """
import json, pathlib, sys
from serving.inference.model import load_bundle
model = load_bundle(pathlib.Path(sys.argv[1]))
model.predict(model.read(json.dumps({"data": [list(model.release.example.data[0])]}).encode()))
print([name for name in sys.modules if name.startswith(("molino_own", "training", "sklearn"))])
"""


def written(folder: Path, candidates: list[dict[str, object]]) -> LoadedModel:
    """Write the penguins' model file with other candidates."""
    content = yaml.safe_load((MODELS / "penguins" / "model.yaml").read_text()) | {"candidates": candidates}
    content["source"]["uri"] = str(MODELS / "penguins" / content["source"]["uri"])
    (folder / "model.yaml").write_text(yaml.safe_dump(content))
    (folder / "own.py").write_text(OWN)
    return load_model(folder / "model.yaml")


@pytest.fixture(scope="module")
def settings(mlflow_database, tmp_path_factory):
    """A home with the run r1 of the penguins, registered."""
    folder = tmp_path_factory.mktemp("estimators")
    settings = Settings(home=copy_database(mlflow_database, folder / "home"))
    loaded = written(folder, CANDIDATES)
    register(loaded, settings)
    return settings


def test_every_candidate_has_a_graph_that_answers_alike(settings):
    trained = result_of(settings, "penguins", "train", TrainResult)
    assert trained.failed == {}
    assert [one.kind for one in trained.candidates] == [one["kind"] for one in CANDIDATES]
    assert max(one.parity for one in trained.candidates) < 1e-5


def test_the_release_is_served(settings):
    registered = result_of(settings, "penguins", "register", RegisterResult)
    folder = Path(settings.store_uri) / "releases" / "penguins" / registered.version
    model = load_bundle(folder)
    body = json.dumps({"data": [list(model.release.example.data[0])]}).encode()
    found = model.predict(model.read(body))
    assert found.values == [model.release.example.predictions[0]]
    assert np.isclose(sum(column[0] for column in found.probabilities), 1, atol=1e-6)


def test_the_hash_of_own_code_is_part_of_the_lineage(settings):
    record = read_record(FolderStore(Path(settings.store_uri)), "penguins", "r1", "train")
    digest = hashlib.sha256(OWN.encode()).hexdigest()
    assert record.model_code == {"own.py": digest}
    run_id = next(one["mlflow_run_id"] for one in record.result["candidates"] if one["name"] == "own")
    assert Tracker(settings).client.get_run(run_id).data.params["code_sha256"] == digest


def test_changed_own_code_asks_for_the_training_again(settings, tmp_path):
    loaded = written(tmp_path, CANDIDATES)
    record = read_record(FolderStore(Path(settings.store_uri)), "penguins", "r1", "train")
    assert changed_parts(record, loaded) == ()
    (tmp_path / "own.py").write_text(OWN + "# more")
    assert changed_parts(record, load_model(tmp_path)) == ("candidates.code",)


def test_serving_runs_no_own_code(settings):
    registered = result_of(settings, "penguins", "register", RegisterResult)
    folder = Path(settings.store_uri) / "releases" / "penguins" / registered.version
    told = subprocess.run([sys.executable, "-c", SERVE, folder], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == "[]"


def test_what_is_wrong_with_a_candidate_is_told_before_any_is_trained(settings, tmp_path):
    candidates = [
        CANDIDATES[0],
        {"name": "ridge", "kind": "sklearn", "estimator": "sklearn.linear_model.RidgeClassifier"},
        {"name": "trees", "kind": "sklearn", "estimator": "sklearn.ensemble.ExtraTreesClassifier",
         "parameters": {"trees": 3}},
    ]  # fmt: skip
    loaded = written(tmp_path, candidates)
    with pytest.raises(ModelFileError) as told:
        run_step("train", loaded, "r2", settings.model_copy(update={"data_run": "r1"}))
    lines = str(told.value).splitlines()
    text = loaded.path.read_text().splitlines()
    assert [line.partition(": ")[2].partition(",")[0].partition(";")[0] for line in lines] == [
        "candidates.1.estimator: RidgeClassifier answers no probabilities",
        "candidates.2.parameters.trees: ExtraTreesClassifier has no such parameter",
    ]
    for line, found in zip(lines, ("RidgeClassifier", "trees: 3"), strict=True):
        path, number, _ = line.split(":", 2)
        assert path == str(loaded.path)
        assert found in text[int(number) - 1]
