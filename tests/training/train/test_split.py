import numpy as np
import pytest

from molino.contracts.model_file import Split
from training.train.split import TEST, TRAIN, VALIDATION, parts, uniforms

SPLIT = Split(test=0.2, validation=0.1)
FIRST_24_OF_SEED_7 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 2, 2, 1, 2, 0, 0, 0, 0]


def test_a_row_belongs_to_the_same_part_in_pieces_of_any_size():
    whole = parts(0, 1000, SPLIT, seed=4)
    pieces = np.concatenate([parts(start, 100, SPLIT, seed=4) for start in range(0, 1000, 100)])
    assert np.array_equal(whole, pieces)


def test_parts_are_those_of_the_first_release():
    # What a seed means must never change: old runs would be evaluated on rows they were trained on.
    assert parts(0, 24, SPLIT, seed=7).tolist() == FIRST_24_OF_SEED_7


@pytest.mark.parametrize(("part", "share"), [(TEST, 0.2), (VALIDATION, 0.1), (TRAIN, 0.7)])
def test_shares_are_as_asked(part, share):
    assert abs(np.mean(parts(0, 200_000, SPLIT, seed=0) == part) - share) < 0.005


def test_another_seed_gives_another_split():
    assert not np.array_equal(parts(0, 1000, SPLIT, seed=0), parts(0, 1000, SPLIT, seed=1))


def test_neighbouring_seeds_are_independent():
    correlation = np.corrcoef(uniforms(0, 100_000, 0), uniforms(0, 100_000, 1))[0, 1]
    assert abs(correlation) < 0.02


def test_streams_of_a_seed_are_independent():
    correlation = np.corrcoef(uniforms(0, 100_000, 0), uniforms(0, 100_000, 0, stream=1))[0, 1]
    assert abs(correlation) < 0.02


def test_numbers_fill_the_unit_interval_evenly():
    counts, _ = np.histogram(uniforms(0, 100_000, 9), bins=20, range=(0, 1))
    assert counts.min() > 4700


def test_numbers_stay_below_one():
    assert uniforms(0, 100_000, 2).max() < 1
