import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.duplicates import SeenRows

BATCHES = st.lists(st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), max_size=20), max_size=40)


@settings(deadline=None, max_examples=50)
@given(BATCHES)
def test_the_first_of_each_kind_is_told(batches: list[list[int]]) -> None:
    seen, known = SeenRows(), set()
    for batch in batches:
        expected = []
        for number in batch:
            expected.append(number not in known)
            known.add(number)
        assert seen.add(np.array(batch, dtype=np.uint64)).tolist() == expected


@pytest.fixture(scope="module")
def many() -> SeenRows:
    """A million different hashes, and some of them again."""
    seen, hashes = SeenRows(), np.random.default_rng(0).integers(0, 2**64, 1_000_000, dtype=np.uint64)
    for batch in np.array_split(hashes, 100):
        seen.add(batch)
        seen.add(batch[:100])
    return seen


def test_each_hash_is_kept_once(many: SeenRows) -> None:
    assert sum(map(len, many.runs)) == 1_000_000


def test_there_are_few_runs(many: SeenRows) -> None:
    assert len(many.runs) <= 16


def test_runs_are_in_order(many: SeenRows) -> None:
    assert all((run[1:] > run[:-1]).all() for run in many.runs)
