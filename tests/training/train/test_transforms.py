"""Candidates that are fitted to a logarithm of the target: what they answer, natively and as graphs."""

from pathlib import Path

import numpy as np
import pytest
from mixed import NUMBERS, Case, case_of, frame_of, model_of, train_on
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge

from molino.contracts.errors import ModelFileError, StepError
from training.splits import TEST
from training.train.candidates.transformed import Scale
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.transforms.transform import transform_named

FUNCTIONS = {"log": (np.log, np.exp), "log1p": (np.log1p, np.expm1)}
KINDS = [{"kind": "linear"}, {"kind": "gradient_boosting", "max_iter": 30}]


@pytest.fixture(scope="module", params=["log", "log1p"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    model = model_of("regression", NUMBERS, target={"name": "y", "transform": request.param})
    return case_of(tmp_path_factory.mktemp("case"), model, frame_of(model))


def test_a_linear_model_answers_as_scikit_learn_does_with_a_transformed_target(case: Case) -> None:
    forward, back = FUNCTIONS[case.model.target.transform]
    dense = case.material.encoding.dense
    peer = TransformedTargetRegressor(Ridge(alpha=1.0), func=forward, inverse_func=back)
    peer.fit(dense(case.material.train.features).astype(float), case.material.train.target)
    rows = case.dataset.sample(TEST, 1000, 1)
    expected = peer.predict(dense(rows.features).astype(float))
    assert train_on(case, kind="linear").predict(rows.features) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("candidate", KINDS, ids=lambda one: one["kind"])
def test_the_graph_answers_in_the_targets_unit(case: Case, candidate: dict, tmp_path: Path) -> None:
    trained = train_on(case, **candidate)
    path = tmp_path / "one.onnx"
    path.write_bytes(export_candidate(case.model, case.material.encoding, trained).SerializeToString())
    rows = case.dataset.sample(TEST, 1000, 1).features
    answers = graph_predictions(path, case.model, case.material.encoding)(rows)
    assert answers == pytest.approx(trained.predict(rows), rel=1e-6)
    assert answers.mean() == pytest.approx(case.material.train.target.mean(), rel=0.02)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_target_comes_back_as_it_was(name: str) -> None:
    target = np.array([0.5, 3.0, 1e6])
    scale = Scale(transform_named(name), target)
    assert scale.back(FUNCTIONS[name][0](target) - scale.centre) == pytest.approx(target)


def test_an_answer_far_beyond_the_training_rows_does_not_run_away() -> None:
    scale = Scale(transform_named("log"), np.array([1.0, np.e**2]))
    assert scale.back(np.array([-900.0, 900.0])) == pytest.approx([np.exp(-1), np.exp(3)])


@pytest.mark.parametrize(("name", "least"), [("log", 0.0), ("log1p", -1.0)])
def test_a_value_without_a_logarithm_is_refused_in_one_line(name: str, least: float) -> None:
    with pytest.raises(StepError) as caught:
        transform_named(name).check("rent", np.array([least, 5.0, least - 2]))
    said = str(caught.value)
    assert (said.startswith("target 'rent': 2 of 3 rows have"), "\n" in said) == (True, False)


def test_a_classification_has_no_transform() -> None:
    with pytest.raises(ModelFileError, match="a transform belongs to a regression"):
        model_of("binary", target={"name": "y", "classes": ["no", "yes"], "transform": "log"})
