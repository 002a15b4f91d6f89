"""A champion, one more row at the top of its source, and a challenger of the same worth: over 20 seeds."""

import numpy as np
import polars as pl
import pytest
from mixed import model_of, parts_of

from molino.contracts.splits import SplitIdentity
from training.metrics.resamples import Resamples
from training.splits import TEST, TRAIN, identify, unseen

MODEL = model_of("regression", [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}], split={"seed": 3})
SEEDS = range(20)


def rows_of(seed: int, count: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, count))
    return pl.DataFrame({"a": a, "b": b, "y": a - b + rng.normal(size=count)})


def nearest_answer(train: pl.DataFrame, asked: pl.DataFrame) -> np.ndarray:
    """Answer with the nearest training row: a model that knows by heart what it has seen."""
    apart = asked.select("a", "b").to_numpy()[:, None] - train.select("a", "b").to_numpy()[None]
    return train["y"].to_numpy()[(apart**2).sum(axis=2).argmin(axis=1)]


def errors_on(rows: pl.DataFrame, train: pl.DataFrame) -> np.ndarray:
    return (nearest_answer(train, rows) - rows["y"].to_numpy()) ** 2


def rmse_with_interval(errors: np.ndarray, seed: int) -> np.ndarray:
    samples = np.sqrt(Resamples(len(errors), seed).means(errors))
    return np.array([samples[0], *np.percentile(samples[1:], [2.5, 97.5])])


@pytest.fixture(scope="module")
def compared() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each seed: the champion's own rmse with its interval, and both models' errors on the compared rows."""
    found = []
    for seed in SEEDS:
        new, before = rows_of(1000 + seed, 1), rows_of(seed, 600)
        after = pl.concat([new, before])
        identity: SplitIdentity = identify(MODEL)
        champion = before.filter(pl.Series(parts_of(MODEL, before) == TRAIN))
        challenger = after.filter(pl.Series(parts_of(MODEL, after) == TRAIN))
        own = rmse_with_interval(errors_on(before.filter(pl.Series(unseen(identity, before))), champion), seed)
        held_out = after.filter(pl.Series(parts_of(MODEL, after) == TEST))
        both = held_out.filter(pl.Series(unseen(identity, held_out)))
        found.append((own, errors_on(both, champion), errors_on(both, challenger)))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_the_champion_is_as_good_on_the_compared_rows_as_on_its_own(compared, seed: int) -> None:
    own, champion, _ = compared[seed]
    assert own[1] <= np.sqrt(champion.mean()) <= own[2]


def test_no_equal_challenger_is_worse_with_confidence(compared) -> None:
    worse = 0
    for seed, (_, champion, challenger) in zip(SEEDS, compared, strict=True):
        resamples = Resamples(len(champion), seed)
        apart = np.sqrt(resamples.means(challenger)) - np.sqrt(resamples.means(champion))
        worse += bool(np.percentile(apart[1:], 2.5) > 0)
    assert worse <= 2


def test_neither_side_is_systematically_better(compared) -> None:
    apart = [challenger.mean() - champion.mean() for _, champion, challenger in compared]
    assert abs(np.sign(apart).sum()) <= 9
