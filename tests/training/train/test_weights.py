"""How much rows count: from the column and the classes to every kind of candidate."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from mixed import NUMBERS, Case, case_of, frame_of, model_of, train_on
from sklearn.linear_model import Ridge
from sklearn.utils.class_weight import compute_class_weight

from molino.contracts.errors import ModelFileError, StepError
from molino.contracts.model_file import LoadedModel, load_model
from training.ingest.rules import weight_faults
from training.train.candidates import faults
from training.train.class_weights import class_weights, weighing
from training.train.data import Rows
from training.train.preparation import prepare

KINDS: list[dict[str, Any]] = [
    {"kind": "linear"},
    {"kind": "gradient_boosting", "max_iter": 20},
    {"kind": "xgboost", "parameters": {"n_estimators": 20}},
    {"kind": "lightgbm", "parameters": {"n_estimators": 20}},
    {"kind": "sklearn", "estimator": "sklearn.tree.DecisionTreeRegressor", "parameters": {"max_depth": 3}},
    {"kind": "python", "file": "own.py"},
    {"kind": "keras_mlp", "hidden": [8], "epochs": 3, "learning_rate": 0.01},
]

OWN = b"""
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

def estimator():
    return make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=3)))
"""
"""A pipeline whose last step is a pipeline, which hands the weights on."""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    model = model_of("regression", NUMBERS, weight="Times seen")
    frame = frame_of(model)
    counts = np.random.default_rng(2).integers(0, 4, len(frame))
    frame = frame.with_columns(pl.Series("Times seen", counts.astype(str)))
    case = case_of(tmp_path_factory.mktemp("case"), model, frame)
    return replace(case, material=replace(case.material, code={"own.py": OWN}))


def test_the_column_gives_the_rows_their_weights(case: Case) -> None:
    counts = case.material.train.weights
    assert counts is not None
    assert set(counts.tolist()) == {0.0, 1.0, 2.0, 3.0}


def test_a_row_of_weight_2_counts_as_two_rows(case: Case) -> None:
    rows, dense = case.material.train, case.material.encoding.dense
    assert rows.weights is not None
    again = np.repeat(np.arange(len(rows)), rows.weights.astype(int))
    peer = Ridge(alpha=1.0).fit(dense(rows.features).astype(float)[again], rows.target[again])
    expected = peer.predict(dense(rows.features).astype(float))
    assert train_on(case, kind="linear").predict(rows.features) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("candidate", KINDS, ids=lambda one: one["kind"])
def test_every_kind_heeds_the_weights(case: Case, candidate: dict[str, Any]) -> None:
    def mean_answer(weigh: Any) -> float:
        train, validation = (
            replace(rows, weights=weigh(rows.target)) for rows in (case.material.train, case.material.validation)
        )
        weighed = replace(case, material=replace(case.material, train=train, validation=validation))
        return float(train_on(weighed, **candidate).predict(train.features).mean())

    middle = float(np.median(case.material.train.target))
    high = mean_answer(lambda target: np.where(target > middle, 50.0, 1.0))
    low = mean_answer(lambda target: np.where(target > middle, 1.0, 50.0))
    assert high > low + 0.1 * case.material.train.target.std()


def test_balanced_weights_of_classes_are_those_of_scikit_learn() -> None:
    target = np.array([0, 0, 0, 0, 1, 2])
    model = model_of("classification", training={"class_weight": "balanced"})
    expected = compute_class_weight("balanced", classes=np.arange(3), y=target)
    assert class_weights(model, target) == pytest.approx(expected)


def test_weights_of_classes_and_of_rows_are_multiplied() -> None:
    model = model_of("binary", training={"class_weight": {"yes": 4.0}})
    rows = Rows(np.zeros((3, 1), np.float32), np.array([0, 1, 1]), np.array([1.0, 1.0, 0.5]))
    assert weighing(model, rows)(rows).weights == pytest.approx([1.0, 4.0, 2.0])


def test_prepared_rows_are_weighed_by_their_class(tmp_path: Path) -> None:
    case = case_of(tmp_path, model_of("binary", NUMBERS, training={"class_weight": {"no": 3.0}}))
    prepared = prepare(case.dataset, 1, tmp_path)
    for rows in (prepared.train, prepared.validation, next(prepared.stream(1))):
        assert rows.weights == pytest.approx(np.where(rows.target == 0, 3.0, 1.0))


def test_rows_that_all_count_for_nothing_are_refused() -> None:
    rows = Rows(np.zeros((2, 1), np.float32), np.zeros(2), np.zeros(2))
    with pytest.raises(StepError, match="no training row has a 'w' above 0"):
        weighing(model_of("regression", weight="w"), rows)


def test_what_is_no_weight_is_set_aside() -> None:
    (rule,) = weight_faults(model_of("regression", weight="w"))
    cells = pl.DataFrame({"w": ["0", "2.5", "-1", "many", None, "inf", "nan"]})
    assert cells.select(rule.breach).to_series().to_list() == [False, False, True, True, True, True, True]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weight": "size"}, "'size' is 'size' already"),
        ({"training": {"class_weight": "balanced"}}, "classes belong to a classification"),
    ],
)
def test_weights_that_contradict_the_rest_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelFileError, match=said):
        model_of("regression", **changes)


def test_a_weight_of_no_class_is_refused() -> None:
    with pytest.raises(ModelFileError, match="'maybe' is no class of the target; expected of no, yes"):
        model_of("binary", training={"class_weight": {"maybe": 2.0}})


@pytest.mark.parametrize(("weight", "refused"), [(None, False), ("w", True)])
def test_an_estimator_without_weights_is_refused_before_training(
    weight: str | None, refused: bool, tmp_path: Path
) -> None:
    candidate = {"name": "one", "kind": "sklearn", "estimator": "sklearn.neighbors.KNeighborsRegressor"}
    model = model_of("regression", NUMBERS, candidates=[candidate], weight=weight)
    found = [problem for _, problem in faults(model.candidates[0], _loaded(tmp_path, model))]
    assert any("KNeighborsRegressor takes no weights of rows" in problem for problem in found) is refused


def _loaded(folder: Path, model: Any) -> LoadedModel:
    import yaml

    path = folder / "model.yaml"
    path.write_text(yaml.safe_dump(model.model_dump(mode="json", exclude_defaults=True)))
    return load_model(path)
