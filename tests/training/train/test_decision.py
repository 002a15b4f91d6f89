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
from training.train.decision import best_threshold, fit_decision, labels_of, weighed
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


DECISIONS: dict[str, dict[str, Any]] = {
    "a cost": {"threshold": {"cost": {"false_negative": 5}}},
    "f1 of the first class": {"threshold": {"maximize": "f1", "positive": "no"}},
    "sigmoid and a cost": {"calibration": "sigmoid", "threshold": {"cost": {"false_positive": 4}}},
    "isotonic": {"calibration": "isotonic"},
}


@pytest.mark.parametrize("kind", ["linear", "gradient_boosting"])
@pytest.mark.parametrize(("task", "more"), [*(("binary", more) for more in DECISIONS.values()),
                                            ("classification", {"calibration": "sigmoid"}),
                                            ("classification", {"calibration": "isotonic"})])  # fmt: skip
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
    ],
)
def test_what_goes_with_nothing_is_refused(task: str, more: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelFileError, match=problem):
        model_of(task, **more)
