"""Estimators of scikit-learn by their import path: what is trained, what its graph answers, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from mixed import FEATURES, NUMBERS, case_of, model_of, train_on

from molino.contracts.errors import StepError
from molino.contracts.model_file import LoadedModel
from training.train.candidates import faults
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.parity import check_labels, generate_rows, measure_parity

REGRESSORS = {
    "ensemble.RandomForestRegressor": {"n_estimators": 10},
    "ensemble.GradientBoostingRegressor": {"n_estimators": 10},
    "linear_model.ElasticNet": {"alpha": 0.1},
    "neighbors.KNeighborsRegressor": {"n_neighbors": 3},
    "svm.SVR": {"C": 100},
    "cross_decomposition.PLSRegression": {"n_components": 2},
}
CLASSIFIERS = {
    "ensemble.RandomForestClassifier": {"n_estimators": 20},
    "tree.DecisionTreeClassifier": {"max_depth": 4},
    "naive_bayes.GaussianNB": {},
    "neighbors.KNeighborsClassifier": {"n_neighbors": 3},
    "linear_model.LogisticRegression": {"C": 0.5, "max_iter": 1000},
}
FOREST = {"kind": "sklearn", "estimator": "sklearn.ensemble.RandomForestRegressor", "parameters": {"n_estimators": 10}}


@pytest.fixture(scope="module", params=["regression", "binary", "classification"])
def task(request):
    return request.param


@pytest.fixture(scope="module")
def case(task, tmp_path_factory):
    return case_of(tmp_path_factory.mktemp("mixed"), model_of(task, FEATURES))


@pytest.fixture(scope="module")
def regression(tmp_path_factory):
    return case_of(tmp_path_factory.mktemp("mixed"), model_of("regression", NUMBERS))


def asked(case, trained, folder):
    """Return the graph of a trained candidate."""
    path = folder / "model.onnx"
    path.write_bytes(export_candidate(case.model, case.material.encoding, trained).SerializeToString())
    return graph_predictions(path, case.model, case.material.encoding)


def test_a_graph_answers_as_the_estimator_does(case, task, tmp_path):
    spread = 1.0 if case.model.target.classes else float(case.material.train.target.std())
    encoding = case.material.encoding
    for name, parameters in (REGRESSORS if task == "regression" else CLASSIFIERS).items():
        trained = train_on(case, kind="sklearn", estimator=f"sklearn.{name}", parameters=parameters)
        graph = asked(case, trained, tmp_path)
        for rows in (case.material.train.features, generate_rows(encoding, 0, 500)):
            assert measure_parity(encoding, trained.predict, graph, rows, spread).worst < 1e-4, name
            if case.model.target.classes:
                check_labels(name, trained.predict(rows), graph.labels(rows), case.model.target.classes, 1e-4)


def test_a_forest_learns(regression):
    rows = regression.material.validation
    answers = train_on(regression, **FOREST).predict(rows.features)
    assert np.sqrt(np.mean((answers - rows.target) ** 2)) < 0.5 * rows.target.std()


def test_a_probability_of_zero_stays_zero(tmp_path):
    case = case_of(tmp_path, model_of("classification", NUMBERS))
    trained = train_on(case, kind="sklearn", estimator="sklearn.tree.DecisionTreeClassifier")
    rows = case.material.train.features
    found = asked(case, trained, tmp_path)(rows)
    assert (trained.predict(rows) == 0).any()
    assert np.array_equal(found, trained.predict(rows))


def test_the_seed_of_the_run_makes_it_the_same_graph(regression):
    graphs = [
        export_candidate(
            regression.model, regression.material.encoding, train_on(regression, **FOREST)
        ).SerializeToString(deterministic=True)
        for _ in range(2)
    ]
    assert graphs[0] == graphs[1]


def test_a_seed_of_its_own_goes_before_that_of_the_run(regression):
    of_run = train_on(regression, **FOREST)
    own = train_on(regression, **FOREST | {"parameters": {"n_estimators": 10, "random_state": 7}})
    assert of_run.params()["estimator.random_state"] == str(regression.material.seed)
    assert own.params()["estimator.random_state"] == "7"


def test_a_graph_has_only_what_its_answer_follows_from(tmp_path):
    case = case_of(tmp_path, model_of("binary", NUMBERS))
    trained = train_on(case, kind="sklearn", estimator="sklearn.linear_model.LogisticRegression")
    graph = export_candidate(case.model, case.material.encoding, trained).graph
    read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    assert [node.name for node in graph.node if not read.intersection(node.output)] == []


def wrong(task, estimator, /, **parameters):
    content = {"name": "one", "kind": "sklearn", "estimator": f"sklearn.{estimator}", "parameters": parameters}
    model = model_of(task, candidates=[content], metric="rmse" if task == "regression" else "log_loss")
    return [
        (".".join(map(str, key)), problem)
        for key, problem in faults(model.candidates[0], LoadedModel(file=model, path=Path("model.yaml"), sha256=""))
    ]


def test_what_is_right_has_no_fault():
    assert wrong("regression", "ensemble.RandomForestRegressor", n_estimators=3) == []
    assert wrong("binary", "ensemble.RandomForestClassifier", max_features=None) == []


@pytest.mark.parametrize("path", ["ensemble.RandomForrestRegressor", "ensembles.RandomForestRegressor"])
def test_a_path_that_leads_nowhere(path):
    assert wrong("regression", path) == [
        ("estimator", f"there is no sklearn.{path}; expected the import path of an estimator")
    ]


def test_an_estimator_of_another_task():
    ((key, problem),) = wrong("regression", "ensemble.RandomForestClassifier")
    assert key == "estimator"
    assert problem.startswith("RandomForestClassifier is no regressor, which a regression asks for; those that can be:")
    assert "RandomForestRegressor" in problem


def test_no_estimator_at_all():
    ((key, problem),) = wrong("regression", "preprocessing.StandardScaler")
    assert (key, problem.partition(",")[0]) == ("estimator", "StandardScaler is no regressor")


def test_a_parameter_that_it_does_not_take():
    ((key, problem),) = wrong("regression", "ensemble.RandomForestRegressor", trees=3)
    assert key == "parameters.trees"
    assert problem.startswith("RandomForestRegressor has no such parameter; expected one of n_estimators, criterion,")


def test_a_part_that_is_no_estimator():
    (key, problem), *_ = wrong("regression", "ensemble.BaggingRegressor", estimator="trees")
    assert key == "estimator"
    assert problem.startswith("BaggingRegressor can't be made of its parameters: ")


def test_what_can_not_answer_says_so(regression):
    neighbours = {"kind": "sklearn", "estimator": "sklearn.neighbors.KNeighborsRegressor"}
    trained = train_on(regression, **neighbours, parameters={"n_neighbors": 100_000})
    with pytest.raises(StepError, match=r"^KNeighborsRegressor can't answer rows: ValueError: Expected n_neighbors <="):
        trained.predict(regression.material.validation.features)


def test_a_value_that_it_does_not_take():
    ((key, problem),) = wrong("regression", "ensemble.RandomForestRegressor", n_estimators=-1)
    assert key == "parameters.n_estimators"
    assert problem.endswith("must be an int in the range [1, inf). Got -1 instead.")


def test_a_parameter_that_it_must_have():
    assert wrong("regression", "ensemble.VotingRegressor") == [
        ("parameters", "VotingRegressor must be given estimators")
    ]


def test_an_estimator_that_no_graph_can_be_made_of():
    ((key, problem),) = wrong("regression", "kernel_ridge.KernelRidge")
    assert key == "estimator"
    assert problem.startswith("KernelRidge can't be converted to ONNX: skl2onnx has no converter for it; those that ")
    assert {"Lasso", "RandomForestRegressor"} <= set(re.findall(r"\w+", problem.partition("those that can be")[2]))
    assert "KernelRidge" not in problem.partition("those that can be")[2]


def test_what_another_kind_does_better_says_which():
    ((_, problem),) = wrong("regression", "ensemble.HistGradientBoostingRegressor")
    assert problem.startswith("HistGradientBoostingRegressor can't be converted to ONNX: take kind: gradient_boosting,")


def test_a_classifier_without_probabilities():
    ((key, problem),) = wrong("binary", "linear_model.RidgeClassifier")
    assert key == "estimator"
    assert problem.startswith("RidgeClassifier answers no probabilities; those that can be: ")
    assert "RidgeClassifier" not in problem.partition("those that can be")[2]


@pytest.mark.parametrize(
    ("task", "estimator", "parameters", "said"),
    [
        ("regression", "linear_model.MultiTaskLasso", {}, "MultiTaskLasso answers several targets at a time"),
        ("classification", "naive_bayes.MultinomialNB", {}, "MultinomialNB takes no number below 0"),
        ("classification", "model_selection.GridSearchCV", {"estimator": "x", "param_grid": {}}, "GridSearchCV "),
        ("binary", "linear_model.LogisticRegression", {"class_weight": {"yes": 3}}, "give training.class_weight"),
    ],
)
def test_what_its_parameters_make_impossible_is_told_before_training(task, estimator, parameters, said):
    one = {"name": "one", "kind": "sklearn", "estimator": f"sklearn.{estimator}", "parameters": parameters}
    weights = {} if task == "regression" else {"class_weight": "balanced"}
    model = model_of(task, FEATURES, candidates=[one], training=weights)
    loaded = LoadedModel(file=model, path=Path("model.yaml"), sha256="")
    found = [problem for _, problem in faults(model.candidates[0], loaded)]
    assert len(found) == 1
    assert said in found[0]
