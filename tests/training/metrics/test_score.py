from typing import Any

import numpy as np
import pytest
from mixed import model_of
from sklearn import metrics

from molino.contracts.errors import StepError
from training.graphs.graph import Predictions
from training.metrics.resamples import Measure, Resamples
from training.metrics.roc_auc import roc_curve
from training.metrics.score import measure, values


def regression(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    actual = rng.normal(20, 9, rows)
    return actual, actual + rng.normal(1, 3, rows)


def classification(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return actual and predicted classes, and probabilities that tell something of them; many scores are tied."""
    rng = np.random.default_rng(seed)
    actual = rng.integers(0, 3, rows)
    chances = rng.dirichlet([1, 1, 1], rows).round(1) + 0.01
    chances[np.arange(rows), actual] += 0.3
    chances /= chances.sum(axis=1, keepdims=True)
    return actual, chances.argmax(axis=1), chances


@pytest.fixture(params=[68, 5000])
def rows(request: pytest.FixtureRequest) -> int:
    """Fewer and more rows than there are blocks."""
    return request.param


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("rmse", metrics.root_mean_squared_error),
        ("mae", metrics.mean_absolute_error),
        ("mape", metrics.mean_absolute_percentage_error),
        ("pinball_10", lambda actual, answers: metrics.mean_pinball_loss(actual, answers, alpha=0.1)),
        ("pinball_90", lambda actual, answers: metrics.mean_pinball_loss(actual, answers, alpha=0.9)),
        ("r2", metrics.r2_score),
    ],
)
def test_regression_metrics_are_those_of_scikit_learn(name, peer, rows):
    actual, predicted = regression(rows)
    assert measure(actual, Predictions(predicted), Resamples(rows, 0))[name].value == pytest.approx(
        peer(actual, predicted)
    )


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("accuracy", lambda actual, labels, _: metrics.accuracy_score(actual, labels)),
        ("f1_macro", lambda actual, labels, _: metrics.f1_score(actual, labels, average="macro")),
        ("precision_macro", lambda actual, labels, _: metrics.precision_score(actual, labels, average="macro")),
        ("recall_macro", lambda actual, labels, _: metrics.recall_score(actual, labels, average="macro")),
        ("log_loss", lambda actual, _, chances: metrics.log_loss(actual, chances)),
        ("roc_auc", lambda actual, _, chances: metrics.roc_auc_score(actual, chances, multi_class="ovr")),
        ("pr_auc", lambda actual, _, chances: metrics.average_precision_score(np.eye(3)[actual], chances)),
    ],
)
def test_classification_metrics_are_those_of_scikit_learn(name, peer, rows):
    actual, labels, chances = classification(rows)
    found = measure(actual, Predictions(chances, labels), Resamples(rows, 0))[name].value
    assert found == pytest.approx(peer(actual, labels, chances))


@pytest.fixture(scope="module")
def resampled_one_by_one() -> list[dict[str, Measure]]:
    """All metrics of 1000 samples of the rows, each drawn by itself."""
    actual, labels, chances = classification(200)
    rng = np.random.default_rng(1)
    plain = Resamples(200, 0, count=0)
    samples = (rng.integers(0, 200, 200) for _ in range(1000))
    return [measure(actual[drawn], Predictions(chances[drawn], labels[drawn]), plain) for drawn in samples]


@pytest.mark.parametrize(
    "name", ["accuracy", "f1_macro", "precision_macro", "recall_macro", "log_loss", "roc_auc", "pr_auc"]
)
def test_the_interval_is_that_of_resampling_rows_one_by_one(name, resampled_one_by_one):
    actual, labels, chances = classification(200)
    found = measure(actual, Predictions(chances, labels), Resamples(200, 0))[name].interval()
    low, high = np.percentile([one[name].value for one in resampled_one_by_one], [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.15 * (high - low))


def test_the_interval_of_many_rows_is_that_of_the_central_limit():
    actual, predicted = regression(100_000)
    interval = measure(actual, Predictions(predicted), Resamples(100_000, 0))["mae"].interval()
    error = np.abs(predicted - actual)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * error.std() / np.sqrt(100_000), rel=0.1)


def test_the_same_seed_gives_the_same_interval(rows):
    actual, predicted = regression(rows)
    first, second = (measure(actual, Predictions(predicted), Resamples(rows, 3))["rmse"].interval() for _ in range(2))
    assert first == second


def test_another_seed_gives_another_interval(rows):
    actual, predicted = regression(rows)
    first, second = (
        measure(actual, Predictions(predicted), Resamples(rows, seed))["rmse"].interval() for seed in (3, 4)
    )
    assert first.low != second.low


def test_a_difference_is_paired():
    actual, predicted = regression(300)
    resamples = Resamples(300, 0)
    one, other = (measure(actual, Predictions(predicted + shift), resamples)["mae"] for shift in (0.0, 0.01))
    assert other.minus(one).interval().high < 0.02


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_refused(bad):
    actual, predicted = regression(10)
    predicted[3] = bad
    with pytest.raises(StepError, match="NaN or infinity for 1 of 10 held-out rows"):
        measure(actual, Predictions(predicted), Resamples(10, 0))


def test_r2_of_a_constant_target_is_0_unless_all_is_right():
    actual = np.full(20, 7.0)
    resamples = Resamples(20, 0)
    found = [measure(actual, Predictions(actual + error), resamples)["r2"].value for error in (0.0, 0.1)]
    assert found == [1.0, 0.0]


@pytest.mark.parametrize(("middle", "spread"), [(0, 1e-7), (0, 1e100), (1e7, 10), (1e9, 100)])
def test_r2_is_the_same_in_whatever_unit_the_target_is(middle, spread):
    actual, predicted = regression(200)
    resamples, expected = Resamples(200, 0), metrics.r2_score(actual, predicted)
    found = measure(middle + spread * actual, Predictions(middle + spread * predicted), resamples, ["r2"])["r2"]
    assert found.value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("rows", [100, 3000])
def test_rows_that_are_repeated_tell_no_more_than_once(rows):
    actual, predicted = regression(rows)
    once = measure(actual, Predictions(predicted), Resamples(rows, 0))
    repeated = Resamples(4 * rows, 0, together=np.repeat(np.arange(rows), 4))
    found = measure(np.repeat(actual, 4), Predictions(np.repeat(predicted, 4)), repeated)
    assert all(np.allclose(found[name].samples, one.samples) for name, one in once.items())


def test_rows_that_are_all_of_one_group_are_drawn_one_by_one():
    assert np.array_equal(Resamples(50, 0, together=np.zeros(50)).weights, Resamples(50, 0).weights)


def test_areas_of_a_single_class_are_left_out():
    chances = np.full((5, 2), 0.5)
    zeros = np.zeros(5, dtype=np.intp)
    assert not {"roc_auc", "pr_auc"} & set(measure(zeros, Predictions(chances, zeros), Resamples(5, 0)))


def test_mape_of_a_target_of_0_is_left_out():
    assert "mape" not in measure(np.array([0.0, 2.0]), Predictions(np.array([1.0, 2.0])), Resamples(2, 0))


def test_mape_counts_an_error_by_the_size_of_the_target():
    found = measure(np.array([-2.0, 100.0]), Predictions(np.array([-1.0, 150.0])), Resamples(2, 0))
    assert found["mape"].value == pytest.approx(0.5)


def test_a_class_nobody_has_or_predicts_does_not_count_in_f1():
    actual = np.array([0, 0, 1, 1])
    chances = np.eye(3)[actual]
    assert measure(actual, Predictions(chances, actual), Resamples(4, 0))["f1_macro"].value == 1.0


def test_a_class_that_nobody_predicts_counts_0_in_precision_and_one_that_nobody_has_in_recall():
    actual, labels = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 2])
    found = measure(actual, Predictions(np.eye(4)[labels], labels), Resamples(4, 0))
    assert found["precision_macro"].value == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert found["recall_macro"].value == pytest.approx((1 + 0 + 0) / 3)


def test_a_certain_mistake_has_a_finite_log_loss():
    actual, labels = np.array([0, 1]), np.array([1, 1])
    found = measure(actual, Predictions(np.eye(2)[labels], labels), Resamples(2, 0))["log_loss"].value
    assert found == pytest.approx(metrics.log_loss(actual, np.eye(2, dtype=np.float32)[labels]), rel=1e-3)


def test_an_interval_holds_its_value():
    interval = Measure(np.array([2.0, *np.linspace(1, 3, 101)])).interval()
    assert (interval.low, interval.value, interval.high) == pytest.approx((1.05, 2.0, 2.95))


def test_the_roc_curve_is_that_of_scikit_learn():
    actual, _, chances = classification(300)
    false_rate, true_rate, _ = metrics.roc_curve(actual == 1, chances[:, 1], drop_intermediate=False)
    assert np.allclose(np.stack(roc_curve(actual == 1, chances[:, 1])), np.stack([false_rate, true_rate]))


def test_poisson_deviance_is_that_of_scikit_learn(rows):
    rng = np.random.default_rng(4)
    means = rng.uniform(0.1, 9, rows)
    actual = rng.poisson(means).astype(float)
    found = measure(actual, Predictions(means), Resamples(rows, 0))["poisson_deviance"].value
    assert found == pytest.approx(metrics.mean_poisson_deviance(actual, means))


@pytest.mark.parametrize(("actual", "answer"), [(-1.0, 1.0), (1.0, 0.0), (1.0, -2.0)])
def test_poisson_deviance_of_what_no_count_can_be_is_left_out(actual, answer):
    found = measure(np.array([1.0, actual]), Predictions(np.array([1.0, answer])), Resamples(2, 0))
    assert "poisson_deviance" not in found


QUANTILE = {"name": "q", "kind": "linear", "loss": "quantile", "quantile": 0.9}
USUAL = {"rmse", "mae", "mape", "r2"}


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({}, set()),
        ({"metric": "pinball_10"}, {"pinball_10"}),
        ({"gate": {"bounds": {"poisson_deviance": {"maximum": 1}}}}, {"poisson_deviance"}),
        ({"candidates": [QUANTILE]}, {"pinball_90"}),
        ({"candidates": [QUANTILE | {"quantile": 0.5}]}, set()),
        ({"candidates": [{"name": "p", "kind": "gradient_boosting", "loss": "poisson"}]}, {"poisson_deviance"}),
    ],
)
def test_metrics_of_a_loss_are_measured_where_a_model_file_asks(more: dict[str, Any], asked: set[str]) -> None:
    model = model_of("regression", **more)
    actual, answers = np.array([1.0, 2.0]), Predictions(np.array([1.5, 2.5]))
    assert set(values(actual, answers, model.metrics)) == USUAL | asked
