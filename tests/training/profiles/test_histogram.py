import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.profiles.histogram import FINE_BINS, Histogram

MAGNITUDES = st.just(0.0) | st.floats(1e-30, 3.4e38)
VALUES = st.lists(MAGNITUDES | MAGNITUDES.map(lambda value: -value), min_size=1, max_size=60)


def histogram(*parts: list[float], narrowest: int = -160) -> Histogram:
    made = Histogram(narrowest)
    for part in parts:
        if part:
            made.add(np.array(part), min(part), max(part))
    return made


@given(VALUES)
def test_each_value_is_in_its_bin(values: list[float]) -> None:
    edges, counts = histogram(values).shown(32)
    assert counts == [sum(low <= value < high for value in values) for low, high in itertools.pairwise(edges)]


@given(VALUES)
def test_no_value_is_lost(values: list[float]) -> None:
    assert sum(histogram(values).shown(32)[1]) == len(values)


@given(VALUES)
def test_there_are_no_more_bins_than_asked_for(values: list[float]) -> None:
    assert len(histogram(values).shown(32)[1]) <= 32


@given(VALUES)
def test_memory_is_bounded(values: list[float]) -> None:
    assert len(histogram(values).counts) <= FINE_BINS


@given(VALUES, VALUES)
def test_parts_give_what_the_whole_gives(first: list[float], second: list[float]) -> None:
    assert histogram(first, second).shown(32) == histogram(second + first).shown(32)


def test_the_bins_use_the_range() -> None:
    assert len(histogram(list(np.linspace(0, 1, 1000))).shown(32)[1]) > 16


def test_bins_of_integers_are_not_narrower_than_one() -> None:
    assert histogram([1.0, 2.0, 2.0], narrowest=0).shown(32) == ([1.0, 2.0, 3.0], [1, 2])


def test_a_constant_has_one_bin() -> None:
    assert histogram([7.0] * 5).shown(32)[1] == [5]


def test_a_quantile_is_within_a_bin() -> None:
    values = np.random.default_rng(0).normal(50, 10, 10_000)
    found = histogram(values.tolist()).quantile(0.95)
    assert abs(found - np.quantile(values, 0.95)) <= np.ptp(values) / 512
