"""The chosen candidate trained again on all rows: served, while the metrics stay those that test rows have judged."""

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from registered_home import register, result_of
from trained_run import copy_database

from molino.contracts.model_file import load_model
from molino.contracts.part import NAME_PATTERN
from molino.contracts.release import Release
from molino.contracts.results import EvaluateResult, RegisterResult, TrainResult
from molino.contracts.settings import Settings
from training.graphs.graph import Graph, answer_file
from training.splits import unseen
from training.stores.file import FolderStore
from training.tracking.tracker import Tracker
from training.train.candidate_run import FULL, REFITTED

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow, of its own types
ROWS = 300
TREE = {"kind": "sklearn", "estimator": "sklearn.tree.DecisionTreeRegressor"}
CANDIDATES = [{"name": "linear", "kind": "linear"}, TREE | {"name": "tree", "parameters": {"max_depth": 8}},
              {"name": "blend", "kind": "ensemble"}]  # fmt: skip
FEATURES = [{"name": "a", "type": "number"}, {"name": "c", "type": "category"}]


def table():
    """Rows of which the last one alone has the value z, wherever the split puts it."""
    rng = np.random.default_rng(0)
    a = rng.uniform(-3, 3, ROWS)
    return pl.DataFrame({"a": a, "c": [*"xy" * (ROWS // 2 - 1), "x", "z"], "y": 2 * a + 0.1 * rng.normal(size=ROWS)})


@pytest.fixture(scope="module")
def settings(mlflow_database, tmp_path_factory):
    """A home with the run r1, registered."""
    settings = Settings(home=copy_database(mlflow_database, tmp_path_factory.mktemp("full") / "home"))
    content = {"name": "small", "title": "Small", "task": "regression", "source": {"uri": "rows.parquet"},
               "target": {"name": "y"}, "features": FEATURES, "candidates": CANDIDATES, "metric": "rmse",
               "selection": {"refit_full": True}}  # fmt: skip
    table().write_parquet(settings.home / "rows.parquet")
    (settings.home / "model.yaml").write_text(json.dumps(content))
    register(load_model(settings.home / "model.yaml"), settings)
    return settings


@pytest.fixture(scope="module")
def trained(settings):
    return result_of(settings, "small", "train", TrainResult)


@pytest.fixture(scope="module")
def release(settings):
    registered = result_of(settings, "small", "register", RegisterResult)
    return Release.model_validate_json(FolderStore(Path(settings.store_uri)).read(registered.release.key))


def judged(trained):
    return next(one for one in trained.candidates if one.name == trained.selected)


def test_what_serves_was_trained_on_all_rows_and_what_is_judged_on_training_rows(trained, release):
    assert trained.full.name == trained.selected
    assert (trained.full.rows_trained, judged(trained).rows_trained) == (ROWS, trained.rows_train)
    assert release.onnx_sha256 == trained.full.onnx.sha256 != judged(trained).onnx.sha256


def test_the_metrics_are_those_of_the_one_that_test_rows_have_judged(settings, trained, release, tmp_path):
    store = FolderStore(Path(settings.store_uri))
    (tmp_path / "m.onnx").write_bytes(store.read(judged(trained).onnx.key))
    (tmp_path / "h.parquet").write_bytes(store.read(trained.held_out.key))
    answers = answer_file(Graph(tmp_path / "m.onnx", ["a", "c"], None), tmp_path / "h.parquet").values
    actual = pl.read_parquet(tmp_path / "h.parquet")["y"].to_numpy()
    assert release.metrics["rmse"].value == pytest.approx(np.sqrt(np.mean((answers - actual) ** 2)))


def test_the_release_knows_the_values_of_all_rows_and_counts_them(release):
    assert release.features[1].values == ("x", "y", "z")
    assert release.reference["a"].rows == ROWS


def test_its_graph_agrees_with_the_native_model_in_a_run_of_its_own(settings, trained, release):
    run = Tracker(settings).client.get_run(release.lineage.mlflow_run_id)
    assert run.info.run_name == f"{trained.selected}.full"
    assert run.data.metrics["parity"] == trained.full.parity <= 1e-4


def test_record_and_verdict_say_so(settings, trained):
    told = TrainResult.tell(trained.model_dump(mode="json"))
    assert told[-1] == f"{trained.selected} trained again on all rows, to be served"
    reasons = result_of(settings, "small", "evaluate", EvaluateResult).verdict.reasons
    assert any(reason.startswith(f"What serves is {trained.selected} trained again on all rows") for reason in reasons)


def test_no_row_is_known_that_such_a_release_has_not_seen(release):
    assert release.split.all_rows
    assert unseen(release.split, table()) == (
        "it was trained again on all rows, those for tests with them, so that it may have seen any of these"
    )


@pytest.mark.parametrize("end", [REFITTED, FULL])
def test_no_candidate_has_the_name_of_another_that_is_trained_again(end):
    """Its graph and its logs would lie in the same place."""
    assert re.fullmatch(NAME_PATTERN, f"linear{end}") is None
