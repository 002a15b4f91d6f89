"""Ensembles: which weights are found, what their graph answers, and by which rows they are judged."""

from dataclasses import replace

import numpy as np
import pytest
from mixed import DATES, case_of, model_of, train_on

from molino.contracts.errors import ModelFileError, StepError
from training.graphs.graph import Predictions
from training.metrics.score import values
from training.train.candidates import bounded, fit, judged_by
from training.train.candidates.ensemble import Blend
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.parity import check_labels, generate_rows, measure_parity

MEMBERS = {
    "linear": {"kind": "linear"},
    "boosting": {"kind": "gradient_boosting", "max_iter": 20},
    "forest": {"kind": "sklearn", "parameters": {"n_estimators": 10}},
    "lightgbm": {"kind": "lightgbm", "parameters": {"n_estimators": 20}},
}


@pytest.fixture(scope="module", params=["regression", "binary"])
def case(request, tmp_path_factory):
    return case_of(tmp_path_factory.mktemp("mixed"), model_of(request.param, DATES))


@pytest.fixture(scope="module")
def members(case):
    kind = "Classifier" if case.model.target.classes else "Regressor"
    estimator = {"estimator": f"sklearn.ensemble.RandomForest{kind}"}
    return {name: train_on(case, **one, **(estimator if name == "forest" else {})) for name, one in MEMBERS.items()}


class Said:
    """A candidate that answers what it is told to."""

    rounds = None
    rows_trained = 10
    native_packages = ()

    def __init__(self, answers):
        self.answers = np.asarray(answers, float)

    def predict(self, features):
        return self.answers[: len(features)]


def ensemble_of(task="regression", **keys):
    members = [{"name": name, "kind": "linear"} for name in ("linear", "boosting", "forest", "lightgbm")]
    model = model_of(task, candidates=[*members, {"name": "blend", "kind": "ensemble", **keys}])
    return model.candidates[-1]


def blend_of(case, trained, **keys):
    return fit(ensemble_of(**keys), replace(case.material, members=trained))


def metric_of(case, answers):
    rows = case.material.validation
    labels = answers.argmax(axis=1) if answers.ndim > 1 else None
    return values(rows.target, Predictions(answers, labels))[case.model.metric]


def test_its_graph_answers_as_its_members_do(case, members, tmp_path):
    weights = {"linear": 0.25, "boosting": 0.25, "forest": 0.125, "lightgbm": 0.375}
    trained, encoding, classes = Blend(members, weights, None), case.material.encoding, case.model.target.classes
    path = tmp_path / "model.onnx"
    path.write_bytes(export_candidate(case.model, encoding, trained).SerializeToString())
    graph = graph_predictions(path, case.model, encoding)
    spread = 1.0 if classes else float(case.material.train.target.std())
    for rows in (case.material.train.features, generate_rows(encoding, 0, 2000)):
        assert measure_parity(encoding, trained.predict, graph, rows, spread).worst < 1e-4
        if classes:
            check_labels("blend", trained.predict(rows), graph.labels(rows), classes, 1e-4)


def test_it_has_the_dense_form_of_rows_once(case, members):
    trained = Blend(members, {"linear": 0.5, "forest": 0.5}, None)
    names = [node.name for node in export_candidate(case.model, case.material.encoding, trained).graph.node]
    assert len(names) == len(set(names))
    assert names.count("/scaled") == 1
    assert not [name for name in names if name.endswith("/scaled") and name.startswith("/parts/")]


def test_it_is_no_worse_on_validation_rows_than_its_best_member(case, members):
    best = min(metric_of(case, one.predict(case.material.validation.features)) for one in members.values())
    blend = blend_of(case, members)
    assert metric_of(case, blend.predict(case.material.validation.features)) <= best
    assert sum(blend.weights.values()) == pytest.approx(1)


def test_weights_are_the_shares_of_the_draws(tmp_path):
    case = case_of(tmp_path, model_of("regression"))
    target = case.material.validation.target
    over, under = Said(target + 30), Said(target - 10)
    blend = blend_of(case, {"over": over, "under": under, "far": Said(target + 500)}, draws=8)
    assert blend.weights == {"over": 0.25, "under": 0.75}
    assert np.allclose(blend.predict(case.material.validation.features), target)


def test_what_judges_it_knew_nothing_of_the_rows_target(tmp_path):
    """Of members that answer noise, weights fit the rows that tell them; others show that nothing was learnt."""
    case = case_of(tmp_path, model_of("regression"))
    rng, target = np.random.default_rng(0), case.material.validation.target
    noise = {f"m{index}": Said(target + rng.normal(0, 100, len(target))) for index in range(40)}
    candidate = ensemble_of(draws=5)
    blend = fit(candidate, replace(case.material, members=noise))
    own = np.sqrt(np.mean((blend.predict(case.material.validation.features) - target) ** 2))
    judged = np.sqrt(np.mean((judged_by(case.material, blend)(case.material.validation.features) - target) ** 2))
    assert judged > 1.05 * own
    plain = train_on(case, kind="linear")
    rows = case.material.validation.features
    assert np.array_equal(judged_by(case.material, plain)(rows), bounded(case.model, plain)(rows))


def test_named_members_alone_are_blended(case, members):
    blend = blend_of(case, members, members=["linear", "forest"])
    assert set(blend.weights) <= {"linear", "forest"}


def test_known_weights_are_kept(case, members):
    weights = {"linear": 0.5, "forest": 0.5}
    blend = fit(ensemble_of(), replace(case.material, members=members, weights=weights))
    assert blend.weights == weights


def test_one_member_is_no_ensemble(case, members):
    with pytest.raises(StepError, match="blends at least two other candidates, and 1 of its members could be trained"):
        blend_of(case, {"linear": members["linear"]})


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (
            {"members": ["linear", "blend"]},
            "members.1: 'blend' is no candidate that can be blended; expected of linear",
        ),
        ({"members": ["linear", "linear"]}, "members.1: 'linear' is named twice"),
        ({"draws": 0}, "draws: expected greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(keys, told):
    with pytest.raises(ModelFileError, match=r"^mixed:\d+: candidates\.4\." + told):
        ensemble_of(**keys)


def test_it_takes_two_others():
    candidates = [{"name": "linear", "kind": "linear"}, {"name": "blend", "kind": "ensemble"}]
    with pytest.raises(ModelFileError, match=r"candidates\.1\.kind: an ensemble blends at least two other candidates"):
        model_of("regression", candidates=candidates)
