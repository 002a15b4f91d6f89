"""XGBoost and LightGBM: what stops them, what their graphs answer, and what is refused."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mixed import FEATURES, case_of, model_of, train_on

from molino.contracts.model_file import LoadedModel
from training.train.candidates import faults, fit
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.parity import check_labels, generate_rows, measure_parity

KINDS = ("xgboost", "lightgbm")
QUICK = {"n_estimators": 40, "learning_rate": 0.2}


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module", params=["regression", "binary", "classification"])
def case(request, tmp_path_factory):
    return case_of(tmp_path_factory.mktemp("mixed"), model_of(request.param, FEATURES))


@pytest.fixture(scope="module")
def regression(tmp_path_factory):
    return case_of(tmp_path_factory.mktemp("mixed"), model_of("regression", FEATURES))


def candidate_of(kind, task="regression", **keys):
    model = model_of(
        task, candidates=[{"name": "one", "kind": kind, **keys}], metric="rmse" if task == "regression" else "log_loss"
    )
    return model.candidates[0], model


def wrong(kind, task="regression", **parameters):
    candidate, model = candidate_of(kind, task, parameters=parameters)
    loaded = LoadedModel(file=model, path=Path("model.yaml"), sha256="")
    return [(".".join(map(str, key)), problem) for key, problem in faults(candidate, loaded)]


def test_a_graph_answers_as_the_trees_do(case, kind, tmp_path):
    trained = train_on(case, kind=kind, parameters=QUICK)
    encoding, classes = case.material.encoding, case.model.target.classes
    path = tmp_path / "model.onnx"
    path.write_bytes(export_candidate(case.model, encoding, trained).SerializeToString())
    graph = graph_predictions(path, case.model, encoding)
    spread = 1.0 if classes else float(case.material.train.target.std())
    for rows in (case.material.train.features, generate_rows(encoding, 0, 2000)):
        assert measure_parity(encoding, trained.predict, graph, rows, spread).worst < (1e-5 if classes else 1e-4)
        if classes:
            check_labels("one", trained.predict(rows), graph.labels(rows), classes, 1e-5)


def test_rounding_a_threshold_never_changes_where_a_32_bit_value_goes(regression):
    trained = train_on(regression, kind="lightgbm", parameters=QUICK)
    rows = trained.form(regression.material.train.features).astype(float)
    assert np.allclose(trained.booster.predict(rows), trained.estimator.predict(rows), rtol=1e-12)
    values = re.findall(r"(?m)^threshold=(.+)$", trained.booster.model_to_string())
    found = np.array(" ".join(values).split(), float)
    assert np.array_equal(found, found.astype(np.float32).astype(float))


def test_it_learns(regression, kind):
    rows = regression.material.validation
    answers = train_on(regression, kind=kind, parameters=QUICK).predict(rows.features)
    assert np.sqrt(np.mean((answers - rows.target) ** 2)) < 0.4 * rows.target.std()


def test_it_keeps_the_rounds_that_were_best_on_validation_rows(regression, kind):
    losses = []
    candidate, _ = candidate_of(kind, parameters={"n_estimators": 300, "learning_rate": 0.5}, patience=10)
    report = lambda done, total, train, validation: losses.append(validation)  # noqa: E731
    trained = fit(candidate, replace(regression.material, report=report))
    assert trained.rounds == int(np.argmin(losses)) + 1
    assert trained.params()["rounds"] == trained.rounds
    assert trained.rounds <= len(losses) <= trained.rounds + 10 < 300


def test_it_trains_for_as_many_rounds_as_asked(regression, kind):
    candidate, _ = candidate_of(kind, parameters=QUICK)
    trained = fit(candidate, replace(regression.material, rounds=3))
    assert trained.rounds == 3
    assert trained.params()["estimator.n_estimators"] == "3"


def test_the_seed_of_the_run_makes_it_the_same_graph(regression, kind):
    graphs = [
        export_candidate(
            regression.model,
            regression.material.encoding,
            train_on(regression, kind=kind, parameters=QUICK | {"subsample": 0.5}),
        ).SerializeToString(deterministic=True)
        for _ in range(2)
    ]
    assert graphs[0] == graphs[1]


def test_what_is_right_has_no_fault(kind):
    assert wrong(kind, n_estimators=5000, max_bin=64) == []
    assert wrong(kind, "classification", learning_rate=0.1) == []


def test_a_parameter_that_it_does_not_take(kind):
    ((key, problem),) = wrong(kind, tries=3)
    assert key == "parameters.tries"
    assert "has no such parameter" in problem


@pytest.mark.parametrize(
    ("kind", "parameters", "said"),
    [
        ("xgboost", {"max_depth": "deep"}, "max_depth"),
        ("xgboost", {"objective": "reg:nothing"}, "Unknown objective function: `reg:nothing`"),
        ("lightgbm", {"num_leaves": -3}, "LightGBM: Check failed: (num_leaves) > (1)"),
        ("lightgbm", {"objective": "nothing"}, "LightGBM: Unknown objective type name: nothing"),
    ],
)
def test_a_value_that_it_does_not_take(kind, parameters, said):
    ((key, problem),) = wrong(kind, **parameters)
    assert key == "parameters"
    assert said in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("kind", "parameters"), [("xgboost", {"booster": "gblinear"}), ("lightgbm", {"objective": "mape"})]
)
def test_what_no_graph_can_be_made_of(kind, parameters):
    ((key, problem),) = wrong(kind, **parameters)
    assert key == "parameters"
    assert "can't be converted to ONNX: " in problem


@pytest.mark.parametrize(
    ("kind", "task", "parameters", "key", "said"),
    [
        ("lightgbm", "regression", {"eta": 0.3}, "parameters.eta", "goes by learning_rate and ignores it"),
        ("lightgbm", "regression", {"num_leaves": 5, "max_leaves": 7}, "parameters.max_leaves", "goes by num_leaves"),
        ("lightgbm", "regression", {"num_iterations": 3}, "parameters.num_iterations", "give that in its place"),
        ("lightgbm", "regression", {"early_stopping_round": 3}, "parameters.early_stopping_round", "patience stops"),
        ("lightgbm", "regression", {"metric": "None"}, "parameters", "no metric by which validation rows stop it"),
        ("lightgbm", "regression", {"n_estimators": "10"}, "parameters.n_estimators", "expected a whole number"),
        ("xgboost", "regression", {"n_estimators": 0}, "parameters.n_estimators", "of at least 1 (got 0)"),
        ("lightgbm", "classification", {"class_weight": {"0": 3}}, "parameters.class_weight", "training.class_weight"),
        ("lightgbm", "regression", {"linear_tree": True}, "parameters", "its graph answers otherwise"),
        ("lightgbm", "regression", {"reg_sqrt": True}, "parameters", "its graph answers otherwise"),
        (
            "lightgbm", "regression", {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}, "parameters",
            "its graph answers otherwise",
        ),
        ("lightgbm", "classification", {"objective": "multiclassova"}, "parameters", "its graph answers otherwise"),
        ("xgboost", "regression", {"num_parallel_tree": 4}, "parameters", "its graph answers otherwise"),
        ("lightgbm", "regression", {"categorical_feature": [4]}, "parameters.categorical_feature", "take it out"),
        ("xgboost", "regression", {"interaction_constraints": [[0]]}, "parameters.interaction_constraints", "take it"),
        ("xgboost", "regression", {"monotone_constraints": [1, 0]}, "parameters.monotone_constraints", "by name"),
        (
            "lightgbm", "regression", {"monotone_constraints": {"colour": 1}}, "parameters.monotone_constraints.colour",
            "expected a feature that is a number, of which there are size, age, rooms",
        ),
    ],
)  # fmt: skip
def test_what_would_be_ignored_or_fail_later_is_told_before_training(kind, task, parameters, key, said):
    (found,) = wrong(kind, task, **parameters)
    assert found[0] == key
    assert said in found[1]


def test_a_direction_holds_for_its_feature_wherever_its_column_stands(kind, tmp_path):
    features = [FEATURES[5], FEATURES[0], FEATURES[1]]
    case = case_of(tmp_path, model_of("regression", features))
    rows = np.repeat(case.material.train.features[:1], 50, axis=0)
    rows[:, 1] = np.linspace(0, 50, 50)
    rising, falling = (
        train_on(case, kind=kind, parameters=QUICK | {"monotone_constraints": {"size": direction}}).predict(rows)
        for direction in (1, -1)
    )
    assert rising[-1] > rising[0]
    assert (np.diff(rising) >= 0).all()
    assert (np.diff(falling) <= 0).all()


@pytest.mark.parametrize(("metric", "key"), [("auc", 1), ("logloss", -1)])
def test_a_search_ends_trials_early_by_what_is_worse(kind, metric, key, tmp_path):
    case = case_of(tmp_path, model_of("binary", FEATURES))
    given = {"eval_metric": metric} if kind == "xgboost" else {"metric": metric.replace("log", "binary_log")}
    reported, judged = [], []
    material = replace(
        case.material,
        report=lambda done, total, train, validation: reported.append(validation),
        judge=lambda done, loss: judged.append(loss),
    )
    candidate, _ = candidate_of(kind, "binary", parameters=QUICK | given)
    fit(candidate, material)
    assert judged == [-key * value for value in reported]
