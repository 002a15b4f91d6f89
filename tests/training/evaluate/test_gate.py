import json

import numpy as np
import pytest
import yaml
from trained_run import MODELS

from molino.contracts.model_file import ModelFile
from training.evaluate.gate import Compared, decide, pick_best
from training.graphs.graph import Predictions
from training.metrics.resamples import Measure, Resamples
from training.metrics.score import measure

FLOOR = {"the mean of the training rows": Measure(np.full(4, 9.0))}


def model(metric: str = "rmse", tolerance: float = 0.0, champion: str = "not_worse", baseline: bool = True,
          **bounds: dict[str, float]) -> ModelFile:  # fmt: skip
    name = "housing" if metric in ("rmse", "mae", "r2") else "penguins"
    content = yaml.safe_load((MODELS / name / "model.yaml").read_text())
    gate = {"bounds": bounds, "champion": champion, "champion_tolerance": tolerance, "baseline": baseline}
    return ModelFile.model_validate_json(json.dumps(content | {"metric": metric, "gate": gate}))


def value(number: float) -> Measure:
    """A metric that any other of its kind differs from by the same in every resample."""
    return Measure(np.array([number, number - 0.1, number, number + 0.1]))


def noisy(number: float, spread: float) -> Measure:
    """A metric whose difference to any `value` has a wide interval."""
    return Measure(np.array([number, number - spread, number, number + spread]))


def verdict(one: ModelFile, candidate: float | Measure, champion: float | None = None):
    own = value(candidate) if isinstance(candidate, float) else candidate
    compared = [] if champion is None else [Compared("the champion, version 3,", value(champion), own, 100)]
    return decide(one, "There is 1 candidate, mlp", {one.metric: own}, compared, None)


@pytest.mark.parametrize(
    ("metric", "best"), [("rmse", "low"), ("r2", "high"), ("log_loss", "low"), ("roc_auc", "high")]
)
def test_the_best_candidate_is_that_of_the_metric(metric, best):
    assert pick_best(metric, {"low": 0.1, "high": 0.9}) == best


def test_the_first_of_equal_candidates_is_the_best():
    assert pick_best("rmse", {"one": 1.0, "two": 1.0}) == "one"


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
def test_the_tolerance_of_an_error_is_a_share_of_the_champions(candidate, accepted):
    assert verdict(model(tolerance=0.1), candidate, champion=3.0).accepted is accepted


@pytest.mark.parametrize(("candidate", "accepted"), [(0.95, True), (0.9, True), (0.851, True), (0.849, False)])
def test_the_tolerance_of_a_share_is_a_share_itself(candidate, accepted):
    assert verdict(model("accuracy", 0.05), candidate, champion=0.9).accepted is accepted


@pytest.mark.parametrize(("candidate", "accepted"), [(-0.04, True), (-0.06, False)])
def test_the_tolerance_of_r2_holds_around_0(candidate, accepted):
    assert verdict(model("r2", 0.05), candidate, champion=0.0).accepted is accepted


def test_what_is_worse_by_chance_is_not_refused():
    assert verdict(model(), noisy(3.05, 0.4), champion=3.0).accepted


def test_what_is_better_by_chance_is_not_better():
    assert not verdict(model(champion="better"), noisy(2.95, 0.4), champion=3.0).accepted


@pytest.mark.parametrize(("candidate", "accepted"), [(2.9, True), (3.0, False), (3.1, False)])
def test_better_lets_through_only_what_is_better(candidate, accepted):
    assert verdict(model(champion="better", tolerance=0.5), candidate, champion=3.0).accepted is accepted


def test_what_two_machines_make_different_is_no_worse():
    assert verdict(model(), 3.0 * (1 + 1e-7), champion=3.0).accepted


def test_what_two_machines_make_different_is_no_better():
    assert not verdict(model(champion="better"), 3.0 * (1 - 1e-7), champion=3.0).accepted


def test_a_good_comparison_does_not_heal_a_broken_bound():
    assert not verdict(model(rmse={"maximum": 1.0}), 2.0, champion=3.0).accepted


def test_every_release_that_it_is_compared_with_counts():
    one = value(3.05)
    champion = Compared("the champion, version 9,", value(3.0), one, 100)
    best = Compared("the best of the last releases, version 2,", value(2.7), one, 100)
    accepted = [decide(model(tolerance=0.1), "mlp", {"rmse": one}, compared, None).accepted
                for compared in ([champion], [champion, best])]  # fmt: skip
    assert accepted == [True, False]


@pytest.mark.parametrize(("candidate", "accepted"), [(8.9, True), (9.0, False), (9.1, False)])
def test_the_baseline_must_be_beaten(candidate, accepted):
    found = decide(model(), "mlp", {"rmse": value(candidate)}, [], FLOOR)
    assert found.accepted is accepted
    assert f"which it {'beats' if accepted else 'does not beat'}." in found.reasons[1]


def test_the_harder_of_two_baselines_counts():
    found = decide(model(), "mlp", {"rmse": value(8.0)}, [], {**FLOOR, "the last value": value(2.0)})
    assert (found.accepted, "The baseline, the last value, has rmse 2" in found.reasons[1]) == (False, True)


def test_a_baseline_that_is_not_beaten_names_what_would_help():
    found = decide(model(), "mlp", {"rmse": value(9.5)}, [], FLOOR)
    assert found.reasons[1].endswith("another candidate may help; gate.baseline: false asks for none of it.")


def test_the_baseline_may_be_left_out():
    assert decide(model(baseline=False), "mlp", {"rmse": value(9.5)}, [], FLOOR).accepted


def test_the_comparison_is_told_with_rows_figures_and_the_interval_of_the_difference():
    assert verdict(model(), 2.5, champion=3.0).reasons[-1] == (
        "On 100 rows that neither has seen the champion, version 3, has rmse 3 (95 % interval 2.905 to 3.095); the "
        "difference of the candidate to it is -0.5 (95 % interval -0.5 to -0.5), which is better with confidence."
    )


def test_a_worse_candidate_is_told_what_the_gate_allows():
    reason = verdict(model(tolerance=0.1), 4.0, champion=3.0).reasons[-1]
    assert reason.endswith("which is worse by more than the 0.3 that the gate allows with confidence.")


def test_what_could_not_be_compared_is_told():
    told = "The champion, version 3, is not compared: its classes are A, B."
    assert decide(model(), "mlp", {"rmse": value(1)}, [], None, [told]).reasons[-1] == told


@pytest.mark.parametrize(("drawn_together", "most"), [(True, 0.1), (False, 1.0)])
def test_an_equal_challenger_is_seldom_refused_where_the_rows_of_a_group_are_alike(drawn_together, most):
    """Rows of a group err together, so that 600 rows of 30 groups tell little more than 30 do."""
    refused, groups = 0, np.repeat(np.arange(30), 20)
    resamples = Resamples(600, 0, together=groups if drawn_together else None)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        actual = rng.normal(0, 5, 600)
        champion, challenger = (
            measure(actual, Predictions(actual + rng.normal(0, 1, 30)[groups]), resamples, ["rmse"])["rmse"]
            for _ in range(2)
        )
        compared = [Compared("the champion, version 3,", champion, challenger, 600)]
        refused += not decide(model(), "There is 1 candidate, mlp", {"rmse": challenger}, compared, None).accepted
    assert refused / 60 <= most
    assert drawn_together or refused / 60 > 0.25
