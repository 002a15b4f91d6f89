import json

import numpy as np
import pytest
import yaml
from trained_run import MODELS

from molino.contracts.model_file import ModelFile
from training.evaluate.gate import decide, pick_best
from training.metrics.resamples import Measure


def model(metric: str = "rmse", tolerance: float = 0.0, **bounds: dict[str, float]) -> ModelFile:
    name = "housing" if metric in ("rmse", "mae", "r2") else "penguins"
    content = yaml.safe_load((MODELS / name / "model.yaml").read_text())
    gate = {"bounds": bounds, "champion_tolerance": tolerance}
    return ModelFile.model_validate_json(json.dumps(content | {"metric": metric, "gate": gate}))


def value(number: float) -> Measure:
    return Measure(np.array([number, number - 0.1, number, number + 0.1]))


def verdict(one: ModelFile, candidate: float, champion: float | None = None):
    scores = None if champion is None else {one.metric: value(champion)}
    return decide(one, "mlp", {"mlp": {one.metric: value(candidate)}}, scores, "the champion, version 3,")


@pytest.mark.parametrize(
    ("metric", "best"), [("rmse", "low"), ("r2", "high"), ("log_loss", "low"), ("roc_auc", "high")]
)
def test_the_best_candidate_is_that_of_the_metric(metric, best):
    assert pick_best(metric, {"low": {metric: value(0.1)}, "high": {metric: value(0.9)}}) == best


def test_the_first_of_equal_candidates_is_the_best():
    assert pick_best("rmse", {"one": {"rmse": value(1)}, "two": {"rmse": value(1)}}) == "one"


@pytest.mark.parametrize(("bound", "accepted"), [({"maximum": 4.0}, True), ({"maximum": 3.9}, False),
                                                 ({"minimum": 4.0}, True), ({"minimum": 4.1}, False)])  # fmt: skip
def test_a_bound_decides(bound, accepted):
    assert verdict(model(rmse=bound), 4.0).accepted is accepted


def test_a_broken_bound_is_told_with_its_figures():
    assert "Its rmse of 4 is above the gate's maximum of 3.9." in verdict(model(rmse={"maximum": 3.9}), 4.0).reasons


@pytest.mark.parametrize(("candidate", "accepted"), [(2.9, True), (3.0, True), (3.01, False)])
def test_without_tolerance_the_candidate_must_not_be_worse_than_the_champion(candidate, accepted):
    assert verdict(model(), candidate, champion=3.0).accepted is accepted


@pytest.mark.parametrize(("candidate", "accepted"), [(3.29, True), (3.31, False)])
def test_the_tolerance_is_a_share_of_the_champions_metric(candidate, accepted):
    assert verdict(model(tolerance=0.1), candidate, champion=3.0).accepted is accepted


@pytest.mark.parametrize(("candidate", "accepted"), [(0.95, True), (0.9, True), (0.86, True), (0.85, False)])
def test_of_a_metric_that_is_better_when_higher_lower_is_worse(candidate, accepted):
    assert verdict(model("accuracy", 0.05), candidate, champion=0.9).accepted is accepted


def test_what_two_machines_make_different_is_no_worse():
    assert verdict(model(), 3.0 * (1 + 1e-7), champion=3.0).accepted


def test_a_good_comparison_does_not_heal_a_broken_bound():
    assert not verdict(model(rmse={"maximum": 1.0}), 2.0, champion=3.0).accepted


def test_the_comparison_is_told_with_figures_and_the_interval_of_the_difference():
    reason = verdict(model(), 2.5, champion=3.0).reasons[-1]
    assert reason == (
        "On the same rows the champion, version 3, has rmse 3 (95 % interval 2.905 to 3.095); the difference of "
        "mlp to it is -0.5 (95 % interval -0.5 to -0.5), which is better."
    )


def test_a_worse_candidate_is_told_by_how_much():
    reason = verdict(model(tolerance=0.1), 4.0, champion=3.0).reasons[-1]
    assert reason.endswith(
        "which is worse by 0.333 of it, more than the 0.1 of the champion's rmse that the gate allows."
    )


def test_a_champion_that_is_not_compared_is_told_of():
    told = "The champion, version 3, is not compared: its classes are A, B."
    assert decide(model(), "mlp", {"mlp": {"rmse": value(1)}}, None, told).reasons[-1] == told
