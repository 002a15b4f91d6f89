"""What evaluate tells of prediction intervals."""

import numpy as np
import pytest
from mixed import model_of
from trained_run import GOOD

from molino.contracts.release import parse_release
from molino.contracts.results import CandidateResult, EvaluateResult, RegisterResult
from training.evaluate.coverage import coverage_of, told
from training.graphs.graph import Predictions
from training.metrics.resamples import Resamples

LEVEL = {"intervals": {"level": 0.9}, "gate": {}}


def candidate(half_width: float | None) -> CandidateResult:
    artifact = {"key": "one", "uri": "file:///one", "sha256": "0" * 64, "bytes": 1}
    return CandidateResult(name="one", kind="linear", mlflow_run_id="1", onnx=artifact, parity=0, rows_trained=1,
                           sampled=False, seconds=1, half_width=half_width)  # fmt: skip


def test_coverage_is_the_share_of_rows_within_the_half_width() -> None:
    actual, answers = np.array([1.0, 2, 3, 4]), Predictions(np.array([1.5, 2, 5, 4]))
    found = coverage_of(candidate(0.5), actual, answers, Resamples(4, 0))
    assert found is not None
    assert found.value == 0.75
    sentence = told(model_of("regression", intervals={"level": 0.9}), candidate(0.5), found)
    assert sentence[0].startswith("Its prediction intervals of level 0.9, the answer ± 0.5, hold the share 0.75")


@pytest.mark.parametrize(("held", "fewer"), [(30, True), (90, False)])
def test_intervals_that_hold_less_than_they_promise_are_told(held: int, fewer: bool) -> None:
    answers = Predictions(np.where(np.arange(100) < held, 0.0, 9.0))
    found = coverage_of(candidate(1.0), np.zeros(100), answers, Resamples(100, 0))
    (sentence,) = told(model_of("regression", intervals={"level": 0.9}), candidate(1.0), found)
    assert ("less than they promise" in sentence) is fewer


def test_without_intervals_nothing_is_told() -> None:
    assert coverage_of(candidate(None), np.zeros(2), Predictions(np.zeros(2)), Resamples(2, 0)) is None


def test_a_release_has_the_intervals_of_the_candidate_and_their_coverage(new_run) -> None:
    run = new_run("housing", changes=LEVEL)
    several = [one.model_copy(update={"half_width": 4.5, "calibration_rows": 70}) for one in run.trained.candidates]
    run._record("train", run.trained.model_copy(update={"candidates": tuple(several)}))
    evaluated = EvaluateResult.model_validate(run.step("evaluate").result)
    registered = RegisterResult.model_validate(run.step("register").result)
    release = parse_release(run.store.read(registered.release.key))
    kept = release.intervals
    assert (kept.level, kept.half_width, kept.rows) == (0.9, 4.5, 70)
    assert kept.coverage.model_dump() == evaluated.coverage.model_dump()
    logged = run.client.get_run(run.trained.mlflow_run_id).data.metrics
    assert (evaluated.best, logged["test_interval_coverage"]) == (GOOD, pytest.approx(evaluated.coverage.value))
