"""Categories in trees: that they are worth it, and that a graph asks as the trees do."""

import numpy as np
import polars as pl
import pytest
from mixed import case_of, model_of, train_on

from training.train.candidates.tree_categories import fit_tables
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.parity import generate_rows, measure_parity

BOOSTING = {"kind": "gradient_boosting", "max_iter": 60, "min_samples_leaf": 5}
FEATURES = [
    {"name": "size", "type": "number"},
    {"name": "town", "type": "category", "unseen": "other", "missing": "impute"},
]


def towns(count, rows=4000, noise=0.5):
    """Rows whose target is a town's own level, in no order of the names, and a number's share."""
    rng = np.random.default_rng(3)
    level = rng.normal(0, 1, count)
    town, size = rng.integers(0, count, rows), rng.uniform(0, 1, rows)
    names = [None if gap else f"t{index:04}" for index, gap in zip(town, rng.random(rows) < 0.03, strict=True)]
    return pl.DataFrame({"size": size, "town": names, "y": level[town] + size + rng.normal(0, noise, rows)})


@pytest.fixture(scope="module", params=[2, 200, 400], ids="{}-towns".format)
def case(request, tmp_path_factory):
    return case_of(tmp_path_factory.mktemp("towns"), model_of("regression", FEATURES), towns(request.param))


@pytest.fixture(scope="module")
def trained(case):
    return train_on(case, **BOOSTING)


def test_a_graph_answers_as_the_trees_do(case, trained, tmp_path):
    path, encoding = tmp_path / "model.onnx", case.material.encoding
    path.write_bytes(export_candidate(case.model, encoding, trained).SerializeToString())
    ask = graph_predictions(path, case.model, encoding)
    for rows in (case.material.train.features, generate_rows(encoding, 0)):
        assert measure_parity(encoding, trained.predict, ask, rows, 1.0).worst < 1e-5


@pytest.mark.parametrize("task", ["binary", "classification"])
def test_a_graph_classifies_as_the_trees_do(task, tmp_path):
    model = model_of(task, FEATURES)
    frame = towns(40, 1500)
    cuts = np.quantile(frame["y"], np.linspace(0, 1, len(model.target.classes) + 1)[1:-1])
    classes = np.array(model.target.classes)[np.digitize(frame["y"], cuts)]
    case = case_of(tmp_path, model, frame.with_columns(y=pl.Series(classes)))
    trained, path = train_on(case, **{**BOOSTING, "max_iter": 20}), tmp_path / "model.onnx"
    path.write_bytes(export_candidate(model, case.material.encoding, trained).SerializeToString())
    ask, rows = graph_predictions(path, model, case.material.encoding), generate_rows(case.material.encoding, 0)
    assert measure_parity(case.material.encoding, trained.predict, ask, rows, 1.0).worst < 1e-5


def test_categories_beat_the_alphabet(tmp_path):
    """The same trees, which see the towns as 200 numbers in the order of their names."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    case = case_of(tmp_path, model_of("regression", FEATURES), towns(200))
    train, held_out = case.material.train, case.material.validation
    alphabet = HistGradientBoostingRegressor(
        max_iter=60, min_samples_leaf=5, categorical_features=None, early_stopping=False
    )
    alphabet.fit(train.features, train.target)
    by_category = train_on(case, **BOOSTING).predict(held_out.features)
    errors = [rmse(answers, held_out.target) for answers in (by_category, alphabet.predict(held_out.features))]
    assert errors[0] < 0.87 * errors[1]


def rmse(answers, target):
    return float(np.sqrt(np.mean((answers - target) ** 2)))


def test_values_stand_in_the_order_of_their_mean(tmp_path):
    case = case_of(tmp_path, model_of("regression", FEATURES), towns(400))
    train = case.material.train
    (table,) = fit_tables(case.material.encoding, train).values()
    codes = train.features[:, 1]
    means = [train.target[codes == code].mean() for code in np.argsort(table)[: int(np.nanmax(table)) + 1]]
    assert np.all(np.diff(means) >= 0)


def test_a_value_that_training_rows_never_had_is_missing(tmp_path):
    listed = [FEATURES[0], {**FEATURES[1], "values": ["t0000", "t0001", "t9999"]}]
    case = case_of(tmp_path, model_of("regression", listed), towns(2))
    (table,) = fit_tables(case.material.encoding, case.material.train).values()
    assert np.isnan(table).tolist() == [False, False, True, True]


def test_a_category_without_any_value_is_no_hindrance(tmp_path):
    listed = [FEATURES[0], {**FEATURES[1], "values": ["t0000"]}]
    frame = towns(2).with_columns(town=pl.lit(None, pl.String))
    case = case_of(tmp_path, model_of("regression", listed), frame)
    assert np.isfinite(train_on(case, **BOOSTING).predict(case.material.train.features)).all()
