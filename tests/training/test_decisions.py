"""A threshold by cost and calibrated probabilities from the table to an answer: by folds, trained again, released."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from registered_home import register, result_of
from small_home import small_home

from molino.contracts.model_file import load_model
from molino.contracts.release import Release, release_prefix
from molino.contracts.results import CandidateResult, EvaluateResult, TrainResult
from molino.contracts.settings import Settings
from serving.inference.model import Model, load_bundle
from training.graphs.graph import Graph
from training.stores.file import FolderStore
from training.tracking.tracker import Tracker

CLASSES = ("fine", "faulty")
ROWS = 300
CONTENT: dict[str, Any] = {
    "name": "parts",
    "title": "Parts",
    "task": "classification",
    "source": {"uri": "parts.csv"},
    "target": {"name": "state", "classes": list(CLASSES)},
    "features": [
        {"name": "heat", "type": "number"},
        {"name": "load", "type": "number", "missing": "impute"},
        {"name": "maker", "type": "category"},
    ],
    "candidates": [
        {"name": "linear", "kind": "linear"},
        {"name": "stiff", "kind": "linear", "alpha": 300.0},
        {"name": "blend", "kind": "ensemble"},
    ],
    "metric": "log_loss",
    "calibration": "sigmoid",
    "threshold": {"cost": {"false_positive": 1, "false_negative": 8}},
    "selection": {"folds": 3, "refit": True},
}


@pytest.fixture(scope="module")
def settings(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with the run r1 of a small table, registered."""
    root = tmp_path_factory.mktemp("decisions")
    rng = np.random.default_rng(4)
    heat, load, maker = rng.normal(size=ROWS), rng.normal(size=ROWS), rng.choice(["Ada", "Bo"], ROWS)
    faulty = heat + load + (maker == "Bo") + rng.logistic(size=ROWS) > 1.5
    rows = [
        f"{a:.3f},{'' if index % 20 == 0 else f'{b:.3f}'},{c},{CLASSES[int(d)]}"
        for index, (a, b, c, d) in enumerate(zip(heat, load, maker, faulty, strict=True))
    ]
    settings = small_home(mlflow_database, root, CONTENT, ["heat,load,maker,state", *rows])
    register(load_model(settings.models / "parts"), settings)
    return settings


@pytest.fixture(scope="module")
def trained(settings: Settings) -> TrainResult:
    return result_of(settings, "parts", "train", TrainResult)


@pytest.fixture(scope="module")
def release(settings: Settings) -> Release:
    store = FolderStore(settings.home / "store")
    return Release.model_validate_json(store.read(f"{release_prefix('parts', '1')}release.json"))


@pytest.fixture(scope="module")
def model(settings: Settings) -> Model:
    return load_bundle(settings.home / "store" / release_prefix("parts", "1"))


def stored(settings: Settings, key: str) -> Path:
    return settings.home / "store" / key


def of(trained: TrainResult, name: str) -> CandidateResult:
    return next(one for one in trained.candidates if one.name == name)


def answers_of(settings: Settings, trained: TrainResult, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what a candidate's graph answers to held-out rows: positions of labels, and chances of the last class."""
    held_out = pl.read_parquet(stored(settings, trained.held_out.key))
    graph = Graph(stored(settings, of(trained, name).onnx.key), ["heat", "load", "maker"], CLASSES)
    answers = graph.answer(held_out)
    assert answers.labels is not None
    return answers.labels, answers.values[:, 1]


@pytest.mark.parametrize("name", ["linear", "stiff", "blend"])
def test_the_label_of_held_out_rows_follows_the_threshold(settings: Settings, trained: TrainResult, name: str) -> None:
    assert trained.failed == {}
    labels, chances = answers_of(settings, trained, name)
    threshold = of(trained, name).threshold
    assert threshold is not None
    assert 0 < threshold < 0.5
    assert labels.tolist() == (chances >= threshold).tolist()
    assert ((labels == 1) & (chances < 0.5)).any()


def test_graphs_answer_as_native_models(trained: TrainResult) -> None:
    assert max(one.parity for one in trained.candidates) < 1e-4


def test_the_chosen_one_keeps_its_threshold_when_it_is_trained_again(settings: Settings, trained: TrainResult) -> None:
    chosen, client = of(trained, trained.selected or ""), Tracker(settings).client
    again = client.get_run(chosen.mlflow_run_id)
    (first,) = client.search_runs(
        [trained.mlflow_experiment_id], f"attributes.run_name = '{chosen.name}'", max_results=2
    )
    assert again.info.run_name == f"{chosen.name}.refitted"
    assert float(again.data.params["threshold"]) == float(first.data.params["threshold"]) == chosen.threshold


def test_the_blend_is_of_calibrated_members(trained: TrainResult) -> None:
    blend = of(trained, "blend")
    assert sum(blend.weights.values()) == pytest.approx(1)
    assert set(blend.weights) <= {"linear", "stiff"}


def test_a_penalty_that_hides_what_is_likely_is_calibrated_away(settings: Settings, trained: TrainResult) -> None:
    spread = {name: float(answers_of(settings, trained, name)[1].std()) for name in ("linear", "stiff")}
    assert spread["stiff"] > 0.7 * spread["linear"]


def test_verdict_and_release_tell_both(settings: Settings, trained: TrainResult, release: Release) -> None:
    chosen = of(trained, trained.selected or "")
    notes = " ".join(result_of(settings, "parts", "evaluate", EvaluateResult).verdict.reasons)
    assert "calibrated on validation rows, by sigmoid" in notes
    assert f"'faulty' from a probability of {chosen.threshold:.4g} on" in notes
    assert release.calibration == "sigmoid"
    assert release.threshold is not None
    assert (release.threshold.positive, release.threshold.value) == ("faulty", chosen.threshold)


def test_what_serves_labels_by_the_threshold(model: Model, release: Release) -> None:
    asked = [[heat / 4, 0.5, maker] for heat in range(-12, 13) for maker in ("Ada", "Bo")]
    answers = model.predict(model.read(json.dumps({"data": asked}).encode()))
    assert release.threshold is not None
    assert answers.probabilities is not None
    assert answers.values == [CLASSES[int(one >= release.threshold.value)] for one in answers.probabilities[1]]
    assert any(
        label == "faulty" and one < 0.5 for label, one in zip(answers.values, answers.probabilities[1], strict=True)
    )
