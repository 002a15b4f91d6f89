"""The train step as a process of its own, after real ingest and version steps."""

import json
import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest
import yaml
from killed import kill_after
from trained_run import MODELS, copy_database

from molino.contracts.errors import StepError
from molino.contracts.model_file import load_model
from molino.contracts.record import Record
from molino.contracts.release import Reference
from molino.contracts.results import TrainResult, VersionResult
from molino.contracts.settings import Settings
from tests.warm import run_warm
from training.step import read_record, run_step
from training.stores.file import FolderStore
from training.tracking.registry import onnx_model_uri
from training.tracking.tracker import Tracker

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow, of its own types

ROOT = Path(__file__).parents[3]
SHIPPED = ("mlp", "boosting", "xgboost", "linear", "ensemble")
"""Housing's candidates."""
QUICK = [
    {"name": "boosting", "kind": "gradient_boosting", "max_iter": 10, "min_samples_leaf": 5},
    {"name": "logistic", "kind": "linear"},
    {"name": "mlp", "kind": "keras_mlp", "hidden": [8], "learning_rate": 0.01, "epochs": 8},
]
"""The network comes last: a step that is killed after its first candidate imports no TensorFlow."""


@dataclass
class Run:
    """One run in a home of its own."""

    home: Path
    model: str
    run_id: str = "r1"

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, models=self.home / "models")

    @property
    def store(self) -> FolderStore:
        return FolderStore(Path(self.settings.store_uri))

    @property
    def record(self) -> Record:
        record = read_record(self.store, self.model, self.run_id, "train")
        assert record is not None
        return record

    @property
    def result(self) -> TrainResult:
        return TrainResult.model_validate(self.record.result)

    @property
    def tracker(self) -> Tracker:
        return Tracker(self.settings)

    def environment(self) -> dict[str, str]:
        return {"MOLINO_HOME": str(self.home), "MOLINO_MODELS": str(self.home / "models"), "MOLINO_LOG_FORMAT": "json"}

    def step(self, *names: str) -> str:
        """Run steps as processes, and return what they logged."""
        heard = ""
        for name in names:
            command = ["-m", "molino", "step", name, "--model", self.model, "--run-id", self.run_id]
            ended = run_warm(command, env={**os.environ, **self.environment(), "PYTHONPATH": str(ROOT)})
            assert ended.returncode == 0, ended.stderr
            heard += ended.stderr
        return heard

    def make_data(self) -> None:
        """Run the steps that come before, which have tests of their own, in this process: it has their libraries."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of DVC: the tests of those steps look at them
            for name in ("ingest", "version"):
                run_step(name, load_model(self.home / "models" / self.model), self.run_id, self.settings)

    def child(self, name: str) -> Any:
        run_id = next(one.mlflow_run_id for one in self.result.candidates if one.name == name)
        return self.tracker.client.get_run(run_id)


def new_run(database: Path, home: Path, model: str, **changes: Any) -> Run:
    copy_database(database, home)
    content = yaml.safe_load((MODELS / model / "model.yaml").read_text()) | changes
    content["source"]["uri"] = str(MODELS / model / content["source"]["uri"])
    folder = home / "models" / model
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(yaml.safe_dump(content))
    return Run(home, model)


@pytest.fixture(scope="module")
def housing(mlflow_database, tmp_path_factory):
    """The housing model as it is shipped."""
    run = new_run(mlflow_database, tmp_path_factory.mktemp("housing") / "home", "housing")
    run.make_data()
    run.step("train")
    return run


@pytest.fixture(scope="module")
def penguins(mlflow_database, tmp_path_factory):
    """The penguins, with more rows than may be held; and what the step logged."""
    home = tmp_path_factory.mktemp("penguins") / "home"
    run = new_run(mlflow_database, home, "penguins", candidates=QUICK, training={"seed": 11, "sample_rows": 100})
    return run, run.step("ingest", "version", "train")


@pytest.fixture(scope="module")
def killed(penguins):
    """Another run over the same data, killed after its first candidate, and run again."""
    run = Run(penguins[0].home, "penguins", "r2")
    run.make_data()
    kill_after(run, "train", "candidate")
    run.step("train")
    return run


def held_out(run):
    return pl.read_parquet(run.home / "store" / run.result.held_out.key)


def test_every_candidate_is_trained(housing):
    assert [one.name for one in housing.result.candidates] == list(SHIPPED)


def test_all_rows_are_in_one_part(housing):
    result = housing.result
    assert result.rows_train + result.rows_validation + result.rows_test == 506


def test_held_out_rows_have_features_and_target(housing):
    assert tuple(held_out(housing).columns) == load_model(MODELS / "housing").file.columns


def test_held_out_rows_are_counted(housing):
    assert len(held_out(housing)) == housing.result.held_out.rows == housing.result.rows_test


@pytest.mark.parametrize("candidate", SHIPPED)
def test_graphs_agree_with_native_models(housing, candidate):
    parity = next(one.parity for one in housing.result.candidates if one.name == candidate)
    assert parity <= 1e-4


def test_the_best_housing_candidate_is_off_by_3_500_dollars_at_most(housing):
    rows = held_out(housing)
    target = rows["medv"].to_numpy()
    features = rows.drop("medv").to_numpy().astype(np.float32)
    errors = []
    for candidate in housing.result.candidates:
        session = onnxruntime.InferenceSession(housing.home / "store" / candidate.onnx.key)
        answers = session.run(None, {"features": features})[0]
        errors.append(float(np.sqrt(np.mean((answers - target) ** 2))))
    assert min(errors) <= 3.5


def test_the_reference_names_every_feature(housing):
    content = json.loads(housing.store.read(housing.result.reference.key))
    features = [feature.name for feature in load_model(MODELS / "housing").file.features]
    assert [name for name, one in content.items() if Reference.model_validate(one).rows] == features


def test_nothing_is_sampled_that_fits(housing):
    assert not any(one.sampled for one in housing.result.candidates)


def test_the_record_has_the_metrics_of_all_candidates(housing):
    assert {name.partition(".")[0] for name in housing.record.metrics} == set(SHIPPED)


def test_candidates_are_child_runs(housing):
    parents = {housing.child(one.name).data.tags["mlflow.parentRunId"] for one in housing.result.candidates}
    assert parents == {housing.result.mlflow_run_id}


def test_a_child_run_has_its_hyperparameters(housing):
    assert housing.child("mlp").data.params["activation"] == "silu"


@pytest.mark.parametrize("candidate", ["mlp", "boosting", "xgboost"])
def test_a_child_run_has_a_learning_curve(housing, candidate):
    run_id = housing.child(candidate).info.run_id
    history = housing.tracker.client.get_metric_history(run_id, "validation_loss")
    assert [point.step for point in history] == list(range(1, len(history) + 1))


def test_a_child_run_names_the_data_revision(housing):
    version = read_record(housing.store, "housing", "r1", "version")
    revision = VersionResult.model_validate(version.result).revision
    source = json.loads(housing.child("mlp").inputs.dataset_inputs[0].dataset.source)
    assert (source["revision"], source["git_remote"]) == (revision, housing.settings.git_remote_uri)


def test_the_dataset_has_the_context_of_training(housing):
    tags = housing.child("mlp").inputs.dataset_inputs[0].tags
    assert [(tag.key, tag.value) for tag in tags] == [("mlflow.data.context", "training")]


def test_runs_are_finished(housing):
    runs = housing.tracker.runs_of(housing.result.mlflow_experiment_id, "r1")
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_native_model_is_kept_beside_each_graph(housing):
    models = housing.tracker.client.search_logged_models([housing.result.mlflow_experiment_id])
    assert {model.name for model in models} == {f"{name}{kind}" for name in SHIPPED for kind in ("", "-native")}


def test_tensorboard_logs_are_in_the_folder_that_tensorboard_reads(housing):
    assert any((housing.settings.logs_folder / "housing" / "r1" / "mlp").iterdir())


def test_tensorboard_logs_are_in_the_store(housing):
    names = {key.rsplit("/", 1)[1] for key in housing.store.list("tensorboard/housing/r1/mlp/")}
    assert names == {path.name for path in (housing.settings.logs_folder / "housing" / "r1" / "mlp").iterdir()}


def test_what_cannot_stream_says_that_it_was_trained_on_a_sample(penguins):
    lines = [json.loads(line) for line in penguins[1].splitlines() if "trained on a sample" in line]
    assert [(line["candidate"], line["rows"] <= 100, line["of"] > 200) for line in lines] == [
        ("boosting", True, True),
        ("logistic", True, True),
    ]


@pytest.mark.parametrize(("candidate", "sampled"), [("mlp", False), ("boosting", True), ("logistic", True)])
def test_the_record_says_who_was_trained_on_a_sample(penguins, candidate, sampled):
    assert next(one.sampled for one in penguins[0].result.candidates if one.name == candidate) is sampled


def test_the_mlflow_run_says_who_was_trained_on_a_sample(penguins):
    assert penguins[0].child("boosting").data.params["sampled"] == "True"


def test_what_streams_is_trained_on_all_rows(penguins):
    result = penguins[0].result
    assert next(one.rows_trained for one in result.candidates if one.name == "mlp") == result.rows_train


def test_the_terminal_shows_no_noise_of_libraries(penguins):
    assert [line for line in penguins[1].splitlines() if not line.startswith("{")] == []


def test_a_killed_step_ends_with_the_same_metrics(penguins, killed):
    assert killed.record.metrics == penguins[0].record.metrics


@pytest.mark.parametrize("candidate", ["mlp", "boosting", "logistic"])
def test_a_killed_step_ends_with_the_same_graphs(penguins, killed, candidate):
    first, second = (
        next(one.onnx.sha256 for one in run.result.candidates if one.name == candidate) for run in (penguins[0], killed)
    )
    assert first == second


def test_a_killed_step_doubles_no_run(killed):
    assert len(killed.tracker.runs_of(killed.result.mlflow_experiment_id, "r2")) == 4


def test_a_killed_step_doubles_no_model(killed):
    models = killed.tracker.client.search_logged_models([killed.result.mlflow_experiment_id])
    runs = {run.info.run_id for run in killed.tracker.runs_of(killed.result.mlflow_experiment_id, "r2")}
    assert len([model for model in models if model.source_run_id in runs]) == 6


def test_a_killed_step_doubles_no_tensorboard_log(killed):
    assert len(list(killed.store.list("tensorboard/penguins/r2/mlp/"))) == 1


@pytest.mark.parametrize("candidate", ["mlp", "boosting", "logistic"])
def test_pyfunc_answers_a_dataframe_as_the_graph_does(penguins, candidate):
    import mlflow.pyfunc

    run = penguins[0]
    uri = onnx_model_uri(run.tracker.client, run.child(candidate).info.run_id)
    location = run.tracker.client.get_logged_model(uri.removeprefix("models:/")).artifact_location
    frame = held_out(run).to_pandas()
    answers = mlflow.pyfunc.load_model(location).predict(frame)
    onnx = next(one.onnx for one in run.result.candidates if one.name == candidate)
    session = onnxruntime.InferenceSession(run.home / "store" / onnx.key)
    feeds = {
        one.name: held_out(run)[one.name].fill_null("").to_numpy().astype(object)
        if "string" in one.type
        else held_out(run)[one.name].cast(pl.Float32).to_numpy()
        for one in session.get_inputs()
    }
    assert answers["label"].tolist() == session.run(["label"], feeds)[0].tolist()


def test_altered_data_is_refused(penguins):
    run = Run(penguins[0].home, "penguins", "r3")
    run.make_data()
    path = Path(run.settings.store_uri) / "runs/penguins/r3/ingest.json"
    record = json.loads(path.read_text())
    record["result"]["clean"]["sha256"] = "0" * 64
    path.write_text(json.dumps(record))
    with pytest.raises(StepError, match=r"has sha256 .* but ingest wrote 0000.*: the data repository was altered"):
        run_step("train", load_model(run.home / "models" / "penguins"), "r3", run.settings)


def test_a_class_without_training_rows_is_refused(penguins, tmp_path):
    run = penguins[0]
    shutil.copytree(run.home, tmp_path / "home")
    content = yaml.safe_load((run.home / "models" / "penguins" / "model.yaml").read_text())
    content["target"]["classes"].append("Emperor")
    (tmp_path / "home" / "models" / "penguins" / "model.yaml").write_text(yaml.safe_dump(content))
    other = Run(tmp_path / "home", "penguins", "r4")
    other.make_data()
    with pytest.raises(StepError, match="class 'Emperor' of species has no training row"):
        run_step("train", load_model(other.home / "models" / "penguins"), "r4", other.settings)
