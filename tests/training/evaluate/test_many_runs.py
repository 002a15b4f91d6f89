"""Many pipeline runs on generated rows: what the gate decides where data grows by a row, and where challengers decay.

The split, the metrics and the gate are the real ones; models are fitted by least squares, and nothing is written down.
"""

import json

import numpy as np
import polars as pl
import pytest
import yaml
from trained_run import MODELS

from molino.contracts.model_file import ModelFile
from molino.contracts.splits import SplitIdentity
from training.evaluate.gate import Compared, decide
from training.graphs.graph import Predictions
from training.metrics.resamples import Measure, Resamples
from training.metrics.score import measure
from training.splits import unseen

COLUMNS = tuple(f"x{index}" for index in range(6))
SPLIT = SplitIdentity(kind="hash", seed=0, test=0.2, validation=0.15, columns=COLUMNS, features=COLUMNS)
SEEDS = range(20)


def model(champion: str, tolerance: float = 0.0) -> ModelFile:
    content = yaml.safe_load((MODELS / "housing" / "model.yaml").read_text())
    gate = {"champion": champion, "champion_tolerance": tolerance}
    return ModelFile.model_validate_json(json.dumps(content | {"gate": gate}))


class Fitted:
    """A tree that knows its training rows by heart where it can, as a boosted one nearly does."""

    def __init__(self, rows: pl.DataFrame, seed: int) -> None:
        from sklearn.ensemble import ExtraTreesRegressor

        train = rows.filter(~unseen(SPLIT, rows))
        self.trees = ExtraTreesRegressor(20, random_state=seed).fit(train.select(COLUMNS).to_numpy(), train["y"])

    def answer(self, rows: pl.DataFrame) -> Predictions:
        return Predictions(self.trees.predict(rows.select(COLUMNS).to_numpy()))


def generated(seed: int, count: int = 500) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, len(COLUMNS)))
    y = x[:, 0] + np.abs(x[:, 1]) + rng.normal(size=count)
    return pl.DataFrame(x, schema=list(COLUMNS)).with_columns(y=y)


@pytest.fixture(scope="module")
def trials() -> list[tuple[Measure, Compared]]:
    """Per seed: the champion's rmse at its release, and it beside a challenger that got one row more, on top."""
    found = []
    for seed in SEEDS:
        before = generated(seed)
        after = pl.concat([generated(1000 + seed, 1), before])
        champion, challenger = Fitted(before, seed), Fitted(after, 100 + seed)
        at_release = before.filter(unseen(SPLIT, before))
        held_out = after.filter(unseen(SPLIT, after))
        compared = held_out.filter(unseen(SPLIT, held_out))
        found.append((
            rmse(champion, at_release, seed),
            Compared("the champion,", rmse(champion, compared, seed), rmse(challenger, compared, seed), len(compared)),
        ))  # fmt: skip
    return found


def rmse(one: Fitted, rows: pl.DataFrame, seed: int) -> Measure:
    return measure(rows["y"].to_numpy(), one.answer(rows), Resamples(len(rows), seed))["rmse"]


def accepted(rule: str, trials: list[tuple[Measure, Compared]]) -> float:
    asked = model(rule)
    verdicts = [decide(asked, "", {"rmse": one.candidate}, [one], None).accepted for _, one in trials]
    return float(np.mean(verdicts))


def test_the_champion_does_as_well_as_when_it_was_released(trials):
    """By position all rows move on by one, and it would be asked about what it was trained on."""
    for at_release, compared in trials:
        interval = at_release.interval()
        assert interval.low <= compared.release.value <= interval.high


def test_an_equal_challenger_is_not_refused(trials):
    assert accepted("not_worse", trials) >= 0.9


def test_an_equal_challenger_is_seldom_better(trials):
    assert accepted("better", trials) <= 0.15


def test_neither_side_is_favoured(trials):
    """Of 20 fair coins 5 to 15 fall on one side in 98.8 % of the cases."""
    assert 5 <= sum(one.difference.value > 0 for _, one in trials) <= 15


def test_ten_challengers_that_are_each_a_little_worse_slide_by_no_more_than_one_tolerance():
    """Each is worse than the one before by half a tolerance; the best of the last releases stops them."""
    asked, best, champion = model("not_worse", 0.1), 1.0, 1.0
    for _ in range(10):
        worse = champion * 1.05
        own = Measure(np.full(101, worse))
        compared = [Compared("the champion,", Measure(np.full(101, champion)), own, 100),
                    Compared("the best of the last releases,", Measure(np.full(101, best)), own, 100)]  # fmt: skip
        if decide(asked, "", {"rmse": own}, compared, None).accepted:
            champion = worse
    assert 1.04 < champion <= 1.1
