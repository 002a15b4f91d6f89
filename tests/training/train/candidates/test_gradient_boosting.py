from types import SimpleNamespace

import numpy as np
import pytest
from mixed import NUMBERS, case_of, model_of, train_on

from training.train.candidates.gradient_boosting import round_thresholds_down
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions

MODEL = model_of("regression", NUMBERS)
BOOSTING = {"kind": "gradient_boosting", "max_iter": 30, "min_samples_leaf": 3}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return case_of(tmp_path_factory.mktemp("mixed"), MODEL)


@pytest.fixture(scope="module")
def trained(case):
    return train_on(case, **BOOSTING)


def thresholds(trained):
    return np.concatenate(
        [
            tree.nodes["num_threshold"][~tree.nodes["is_leaf"].astype(bool)]
            for trees in trained.estimator._predictors
            for tree in trees
        ]
    )


def test_thresholds_are_32_bit_floats(trained):
    found = thresholds(trained)
    assert np.array_equal(found, found.astype(np.float32).astype(np.float64))


def test_rounding_a_threshold_never_changes_where_a_32_bit_value_goes():
    exact = np.random.default_rng(0).normal(0, 1e3, 10_000)
    tree = SimpleNamespace(nodes={"num_threshold": exact.copy()})
    round_thresholds_down(SimpleNamespace(_predictors=[[tree]]))
    rounded = tree.nodes["num_threshold"]
    near = exact.astype(np.float32)
    around = [np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))]
    assert all(np.array_equal(x.astype(np.float64) <= exact, x.astype(np.float64) <= rounded) for x in around)


def test_a_graph_agrees_on_rows_that_sit_on_thresholds(trained, case, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(export_candidate(MODEL, case.material.encoding, trained).SerializeToString())
    values = thresholds(trained).astype(np.float32)
    rows = np.repeat(case.material.train.features[:4], len(values), axis=0)
    for feature in range(4):
        rows[feature * len(values) : (feature + 1) * len(values), feature] = values
    difference = graph_predictions(path, MODEL, case.material.encoding)(rows) - trained.predict(rows)
    assert np.abs(difference).max() / case.material.train.target.std() < 1e-5


def test_rounds_after_the_best_one_are_dropped(case):
    losses = []
    material = case.material
    object.__setattr__(material, "report", lambda done, total, train, validation: losses.append(validation))
    trained = train_on(case, **{**BOOSTING, "max_iter": 200, "learning_rate": 0.5})
    assert trained.params()["rounds"] == int(np.argmin(losses)) + 1


def test_the_same_seed_gives_the_same_trees(case, trained):
    again = train_on(case, **BOOSTING)
    rows = case.material.train.features
    assert np.array_equal(again.predict(rows), trained.predict(rows))
