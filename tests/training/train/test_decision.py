"""Calibrated probabilities and thresholds: by hand, beside scikit-learn, and the graph beside the native model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mixed import NUMBERS, case_of, model_of

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file.decision import Threshold
from molino.contracts.results import CandidateResult
from training.evaluate.decision import about_decision
from training.train.candidates import fit
from training.train.candidates.decided import offsets_of
from training.train.decision import best_threshold, cheapest_offsets, fit_decision, labels_of, weighed
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.parity import check_labels, generate_rows

CHANCES = np.array([0.1, 0.3, 0.4, 0.6, 0.9])
POSITIVE = np.array([False, True, False, True, True])


@pytest.mark.parametrize(
    ("wanted", "threshold"),
    [
        ({"cost": {"false_positive": 1, "false_negative": 5}}, 0.2),
        ({"cost": {"false_positive": 5, "false_negative": 1}}, 0.5),
        ({"cost": {"false_positive": 100, "false_negative": 1}}, 0.5),
        ({"maximize": "f1"}, 0.2),
    ],
)
def test_the_threshold_is_half_way_between_the_rows_that_are_best_parted(
    wanted: dict[str, Any], threshold: float
) -> None:
    assert best_threshold(Threshold.model_validate(wanted), CHANCES, POSITIVE) == pytest.approx(threshold)


def test_no_threshold_costs_less() -> None:
    rng = np.random.default_rng(0)
    chances = rng.uniform(size=300).round(2)
    positive = rng.uniform(size=300) < chances**2
    found = best_threshold(Threshold.model_validate({"cost": {"false_negative": 3}}), chances, positive)

    def cost(at: float) -> int:
        return int((~positive & (chances >= at)).sum() + 3 * (positive & (chances < at)).sum())

    assert cost(found) == min(cost(at) for at in np.linspace(0, 1.01, 1011))


def skewed(rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities that are too sure of themselves, and what came."""
    rng = np.random.default_rng(1)
    true = rng.uniform(0.02, 0.98, rows)
    logit = 3 * np.log(true / (1 - true)) + 1
    told = 1 / (1 + np.exp(-logit))
    return np.stack([1 - told, told], axis=1), (rng.uniform(size=rows) < true).astype(np.intp)


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_calibrated_probabilities_are_shares_of_rows(kind: str) -> None:
    chances, actual = skewed()
    decision = fit_decision(model_of("binary", calibration=kind), chances, actual)
    assert decision.calibrator is not None
    found = decision.calibrator(chances)
    assert np.allclose(found.sum(axis=1), 1)

    def off(told: np.ndarray) -> float:
        bins = (told[:, 1] * 10).astype(int).clip(0, 9)
        return max(abs(actual[bins == one].mean() - told[bins == one, 1].mean()) for one in np.unique(bins))

    assert off(found) < 0.08 < off(chances)


def test_labels_by_a_matrix_of_costs_cost_no_more_than_those_of_a_grid() -> None:
    rng = np.random.default_rng(2)
    chances, costs = rng.dirichlet(np.ones(3), 300), np.array([[0, 1, 9], [2, 0, 1], [1, 4, 0]], float)
    actual = np.array([rng.choice(3, p=row) for row in chances])

    def cost(offsets: np.ndarray) -> float:
        return float(costs[actual, labels_of(chances, offsets)].sum())

    found = cost(cheapest_offsets(chances, actual, costs))
    grid = np.linspace(-3, 3, 13)
    assert found <= min(cost(np.array([one, other, 0])) for one in grid for other in grid) * 1.02
    assert found < cost(np.zeros(3))


def test_a_class_that_must_not_be_missed_is_missed_less() -> None:
    rng = np.random.default_rng(3)
    chances = rng.dirichlet(np.ones(3), 300)
    actual = np.array([rng.choice(3, p=row) for row in chances])
    decision = fit_decision(model_of("classification", threshold={"costs": {"middle": 20.0}}), chances, actual)
    missed = [(labels_of(chances, one)[actual == 1] != 1).mean() for one in (None, decision.offsets)]
    assert missed[1] < missed[0] / 3


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_a_row_of_weight_two_calibrates_as_two_rows(kind: str) -> None:
    chances, actual = skewed(500)
    model, twice = model_of("binary", calibration=kind), np.where(actual == 1, 2, 1)
    weighed_rows = fit_decision(model, chances, actual, twice.astype(float)).calibrator
    repeated = fit_decision(model, np.repeat(chances, twice, axis=0), np.repeat(actual, twice)).calibrator
    plain = fit_decision(model, chances, actual).calibrator
    assert weighed_rows
    assert repeated
    assert plain
    assert np.abs(weighed_rows(chances) - repeated(chances)).max() < 0.01
    assert np.abs(weighed_rows(chances) - plain(chances)).max() > 0.05


DECISIONS: dict[str, dict[str, Any]] = {
    "a cost": {"threshold": {"cost": {"false_negative": 5}}},
    "f1 of the first class": {"threshold": {"maximize": "f1", "positive": "no"}},
    "sigmoid and a cost": {"calibration": "sigmoid", "threshold": {"cost": {"false_positive": 4}}},
    "isotonic": {"calibration": "isotonic"},
}


@pytest.mark.parametrize("kind", ["linear", "gradient_boosting"])
@pytest.mark.parametrize(("task", "more"), [*(("binary", more) for more in DECISIONS.values()),
                                            ("classification", {"calibration": "sigmoid"}),
                                            ("classification", {"calibration": "isotonic"}),
                                            ("classification", {"threshold": {"costs": {"low": 5.0}}})])  # fmt: skip
def test_the_graph_answers_as_the_native_model(tmp_path: Path, task: str, more: dict[str, Any], kind: str) -> None:
    model = model_of(task, NUMBERS, candidates=[{"name": "one", "kind": kind}], **more)
    case = case_of(tmp_path, model)
    trained, encoding = fit(model.candidates[0], case.material), case.material.encoding
    path, offsets = tmp_path / "graph.onnx", offsets_of(trained)
    path.write_bytes(export_candidate(model, encoding, trained, offsets).SerializeToString())
    graph, rows = graph_predictions(path, model, encoding), generate_rows(encoding, 1, 2000)
    native = trained.predict(rows)
    assert np.abs(graph(rows) - native).max() < 1e-4
    check_labels("one", weighed(native, offsets), graph.labels(rows), model.target.classes or (), 1e-4)
    assert (offsets is not None) is ("threshold" in more)
    if offsets is not None:
        assert (labels_of(native, offsets) != native.argmax(axis=1)).any()


def test_the_verdict_tells_them() -> None:
    model = model_of("binary", calibration="sigmoid", threshold={"cost": {"false_negative": 5}})
    chances, actual = skewed(200)
    decision = fit_decision(model, chances, actual)
    artifact = {"key": "one", "uri": "file:///one", "sha256": "0" * 64, "bytes": 1}
    candidate = CandidateResult(name="one", kind="linear", mlflow_run_id="1", onnx=artifact, parity=0, rows_trained=1,
                                sampled=False, seconds=1, threshold=decision.threshold)  # fmt: skip
    sentences = about_decision(model, candidate)
    assert "calibrated on validation rows, by sigmoid" in sentences[0]
    assert f"'yes' from a probability of {decision.threshold:.4g} on" in sentences[1]


@pytest.mark.parametrize(
    ("task", "more", "problem"),
    [
        ("regression", {"calibration": "sigmoid"}, "calibration belongs to a classification"),
        ("classification", {"threshold": {"maximize": "f1"}}, "a threshold is of two classes, and there are 3"),
        ("binary", {"threshold": {"maximize": "f1", "positive": "maybe"}}, "expected one of target.classes: no, yes"),
        ("binary", {"threshold": {}}, "give one of cost, such as"),
        ("classification", {"threshold": {"costs": {"none": 2.0}}}, "expected one of target.classes: low, middle"),
        ("classification", {"threshold": {"costs": {"low": {"none": 2.0}}}}, "expected one of target.classes: low"),
    ],
)
def test_what_goes_with_nothing_is_refused(task: str, more: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelFileError, match=problem):
        model_of(task, **more)
