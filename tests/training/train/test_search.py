"""A candidate with ranges: searched on validation rows, taken up after a kill, told in MLflow, record and release."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from killed import kill_after
from trained_run import copy_database

from molino.contracts.errors import ModelFileError, StepError
from molino.contracts.model_file import load_model
from molino.contracts.release import Release
from molino.contracts.results import TrainResult
from molino.contracts.settings import Settings
from training.splits import unseen
from training.step import run_step
from training.stores.file import FolderStore
from training.tracking.tracker import Tracker

pytestmark = pytest.mark.filterwarnings("ignore")  # of DVC, MLflow and scikit-learn: other tests look at them
MODEL = Path(__file__).with_name("searched.yaml")
"""A model file with two searches."""
LINEAR = {"name": "linear", "kind": "linear", "alpha": {"low": 0.01, "high": 100, "log": True}, "search": {"trials": 3}}


@dataclass
class Run:
    """A home with one model, as `killed` takes it."""

    home: Path
    run_id: str = "r1"
    model: str = "searched"

    @property
    def settings(self):
        return Settings(home=self.home, models=self.home / "models")

    @property
    def store(self):
        return FolderStore(self.home / "store")

    def environment(self):
        return {"MOLINO_HOME": str(self.home), "MOLINO_MODELS": str(self.home / "models"), "MOLINO_LOG_FORMAT": "json"}

    def step(self, name):
        return run_step(name, load_model(self.home / "models" / self.model), self.run_id, self.settings)

    def train(self):
        for step in ("ingest", "version"):
            self.step(step)
        return TrainResult.model_validate(self.step("train").result)

    def trials(self, candidate):
        prefix = f"runs/{self.model}/{self.run_id}/train/search/{candidate}/"
        return [json.loads(self.store.read(key))["trial"] for key in sorted(self.store.list(prefix))]


def curved(rows=400, seed=0):
    """A target that trees tell better than a line."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-3, 3, rows), rng.normal(size=rows)
    return pl.DataFrame({"a": a, "b": b, "y": 3 * np.sin(2 * a) + b + 0.1 * rng.normal(size=rows)})


def opened(database, home, frame=None, **changes):
    copy_database(database, home)
    folder = home / "models" / "searched"
    folder.mkdir(parents=True)
    (curved() if frame is None else frame).write_parquet(folder / "rows.parquet")
    (folder / "model.yaml").write_text(json.dumps(yaml.safe_load(MODEL.read_text()) | changes))
    return Run(home)


def named(result, name):
    return next(one for one in result.candidates if one.name == name)


@pytest.fixture(scope="module")
def run(mlflow_database, tmp_path_factory):
    return opened(mlflow_database, tmp_path_factory.mktemp("search") / "home")


@pytest.fixture(scope="module")
def trained(run):
    return run.train()


def seen(run, trained, candidate):
    """Return the candidate's run, and its trials' in order."""
    runs = Tracker(run.settings).runs_of(trained.mlflow_experiment_id, "r1")
    (own,) = (one for one in runs if one.info.run_name == candidate)
    below = [one for one in runs if one.data.tags.get("mlflow.parentRunId") == own.info.run_id]
    return own, sorted(below, key=lambda one: int(one.data.tags["molino.trial"]))


def test_the_best_trial_is_what_the_candidate_becomes(run, trained):
    linear, trials = named(trained, "linear"), run.trials("linear")
    best = min(trials, key=lambda trial: trial["loss"])
    assert linear.parameters == {"alpha": best["drawn"]["alpha"]}
    assert linear.validation == best["metrics"]
    assert linear.search.model_dump(exclude={"seconds"}) == {"trials": 6, "pruned": 0, "failed": 0}


def test_each_kind_of_range_is_drawn_from(run, trained):
    drawn = [trial["drawn"] for trial in run.trials("boosting")]
    assert {one["max_leaf_nodes"] for one in drawn} <= {4, 8, 12, 16}
    assert all(0.05 <= one["learning_rate"] <= 0.5 for one in drawn)
    assert named(trained, "boosting").parameters["min_samples_leaf"] in (5, 20)
    assert len({json.dumps(one) for one in drawn}) > 3


def test_trials_are_runs_below_the_candidates_with_parameters_and_metrics(run, trained):
    own, trials = seen(run, trained, "linear")
    assert [one.info.run_name for one in trials] == [f"linear-trial-{number}" for number in range(6)]
    kept = run.trials("linear")
    assert [float(one.data.params["alpha"]) for one in trials] == [one["drawn"]["alpha"] for one in kept]
    assert [one.data.metrics["validation_rmse"] for one in trials] == [one["loss"] for one in kept]
    assert {one.info.status for one in trials} == {"FINISHED"}
    assert float(own.data.params["alpha"]) == named(trained, "linear").parameters["alpha"]


def test_the_release_says_what_was_found(run, trained):
    for step in ("evaluate", "register"):
        record = run.step(step)
    release = Release.model_validate_json(run.store.read(record.result["release"]["key"]))
    assert release.lineage.parameters == named(trained, trained.selected).parameters != {}


def test_test_rows_have_no_part_in_it_and_the_same_seed_finds_the_same(trained, mlflow_database, tmp_path):
    held_out = pl.Series(unseen(trained.split, curved()))
    altered = curved().with_columns(pl.when(held_out).then(-5 * pl.col("a")).otherwise(pl.col("y")).alias("y"))
    again = opened(mlflow_database, tmp_path / "home", altered).train()
    assert [(one.parameters, one.onnx.sha256) for one in again.candidates] == [
        (one.parameters, one.onnx.sha256) for one in trained.candidates
    ]


def test_a_killed_search_goes_on_with_the_trials_that_have_ended(run, trained, mlflow_database, tmp_path, capfd):
    killed = opened(mlflow_database, tmp_path / "home")
    for step in ("ingest", "version"):
        killed.step(step)
    kill_after(killed, "train", "search of boosting")
    (first,) = killed.trials("boosting")
    again = TrainResult.model_validate(killed.step("train").result)
    assert killed.trials("boosting")[0] == first  # its seconds too: it wasn't trained again
    assert [one["drawn"] for one in killed.trials("boosting")] == [one["drawn"] for one in run.trials("boosting")]
    assert [one.onnx.sha256 for one in again.candidates] == [one.onnx.sha256 for one in trained.candidates]
    assert [len(seen(killed, again, name)[1]) for name in ("linear", "boosting")] == [6, 5]


def test_trials_of_another_question_are_not_taken_up(mlflow_database, tmp_path):
    run = opened(mlflow_database, tmp_path / "home", candidates=[LINEAR])
    run.train()
    (run.home / "store" / "runs" / "searched" / "r1" / "train.json").unlink()
    path = run.home / "models" / "searched" / "model.yaml"
    narrow = LINEAR | {"alpha": {"low": 5.0, "high": 6.0}}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"candidates": [narrow]}))
    run.train()
    assert all(5 <= trial["drawn"]["alpha"] <= 6 for trial in run.trials("linear"))


RATE = {"low": 0.0001, "high": 0.3}
ENDLESS = {"low": 1e299, "high": 1e300}
OTHERS = [
    {"name": "partly", "kind": "gradient_boosting", "max_iter": 20, "learning_rate": {"choices": [1e300, 0.3]}},
    {"name": "endless", "kind": "gradient_boosting", "learning_rate": ENDLESS, "search": {"trials": 2}},
    *({"name": kind, "kind": kind, "parameters": {"n_estimators": 60, "learning_rate": RATE}, "search": {"trials": 12}}
      for kind in ("xgboost", "lightgbm")),
    {"name": "unpruned", "kind": "xgboost", "parameters": {"n_estimators": 60, "learning_rate": RATE},
     "search": {"trials": 7, "pruning": False}},
    {"name": "brief", "kind": "linear", "alpha": LINEAR["alpha"], "search": {"minutes": 1e-9}},
    {"name": "own", "kind": "python", "file": "mine.py", "parameters": {"depth": {"low": 1, "high": 3}}},
]  # fmt: skip
OWN = """
from sklearn.tree import DecisionTreeRegressor


def estimator(depth):
    return DecisionTreeRegressor(max_depth=depth)
"""


@pytest.fixture(scope="module")
def others(mlflow_database, tmp_path_factory):
    run = opened(mlflow_database, tmp_path_factory.mktemp("others") / "home", candidates=OTHERS)
    (run.home / "models" / "searched" / "mine.py").write_text(OWN)
    return run, run.train()


def test_a_trial_that_fails_ends_no_search_and_every_one_is_tried_once(others):
    run, result = others
    found = named(result, "partly")
    assert found.parameters == {"learning_rate": 0.3}
    assert found.search.failed >= 1
    assert found.search.trials < 30  # both choices are known before the budget is used up
    (failed, *_) = (one for one in seen(run, result, "partly")[1] if one.info.status == "FAILED")
    assert "learning_rate smaller than" in failed.data.tags["molino.failed"]


def test_where_all_fail_the_candidate_fails_with_the_reason(others):
    assert others[1].failed["endless"].startswith("none of the 2 trials of its search could be trained: the loss on")


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm"])
def test_a_trial_that_is_worse_than_the_others_is_ended_early(others, kind):
    run, result = others
    pruned = [trial for trial in run.trials(kind) if trial["state"] == "pruned"]
    assert 0 < named(result, kind).search.pruned == len(pruned)
    assert all(10 <= max(map(int, trial["judged"])) < 60 for trial in pruned)


def test_without_pruning_every_trial_comes_to_its_end(others):
    run, result = others
    assert named(result, "unpruned").search.pruned == 0
    assert {trial["state"] for trial in run.trials("unpruned")} == {"finished"}


def test_a_budget_in_minutes_ends_the_search(others):
    assert named(others[1], "brief").search.trials == 1


def test_an_own_estimator_is_made_of_the_values(others):
    assert named(others[1], "own").parameters == {"parameters.depth": 3}


def test_by_folds_a_trial_is_worth_their_mean(mlflow_database, tmp_path):
    run = opened(mlflow_database, tmp_path / "home", candidates=[LINEAR], selection={"folds": 3})
    found = named(run.train(), "linear")
    (trial,) = (one for one in run.trials("linear") if one["drawn"]["alpha"] == found.parameters["alpha"])
    assert found.validation == pytest.approx(trial["metrics"])
    assert list(trial["judged"]) == ["1", "2"]


def test_a_range_that_the_library_refuses_is_told_before_any_training(mlflow_database, tmp_path):
    forest = {"name": "forest", "kind": "sklearn", "estimator": "sklearn.tree.DecisionTreeRegressor"}
    wrong = {"max_depth": {"low": 1, "high": 2.5}, "depth": {"choices": [1]}}
    run = opened(mlflow_database, tmp_path / "home", candidates=[forest | {"parameters": wrong}])
    with pytest.raises(ModelFileError, match=r"yaml:\d+: candidates.0.parameters.depth: DecisionTreeRegressor has"):
        run.train()


def test_no_trial_at_all_is_no_reason_to_go_on_without_the_candidate(mlflow_database, tmp_path):
    run = opened(mlflow_database, tmp_path / "home", candidates=[OTHERS[1]])
    with pytest.raises(StepError, match="candidate endless: none of the 2 trials"):
        run.train()
