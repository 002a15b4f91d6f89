import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.ingest.duplicates import SeenRows

BATCHES = st.lists(st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), max_size=20), max_size=40)


@pytest.mark.parametrize("bits", [1, 12])
@settings(deadline=None, max_examples=50)
@given(BATCHES)
def test_the_first_of_each_kind_is_told(bits: int, batches: list[list[int]]) -> None:
    seen, known = SeenRows(bits), set()
    for batch in batches:
        expected = []
        for number in batch:
            expected.append(number not in known)
            known.add(number)
        assert seen.add(np.array(batch, dtype=np.uint64)).tolist() == expected


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    """A million different hashes."""
    return np.random.default_rng(0).integers(0, 2**64, 1_000_000, dtype=np.uint64)


@pytest.mark.parametrize("bits", [10, 20])
def test_many_rows_are_told_from_those_that_come_again(many: np.ndarray, bits: int) -> None:
    seen = SeenRows(bits)
    told = [(seen.add(part).all(), seen.add(part[:100]).any()) for part in np.array_split(many, 100)]
    assert told == [(True, False)] * 100


def test_equal_rows_are_linked_once() -> None:
    seen = SeenRows(10)
    seen.add(np.zeros(100_000, dtype=np.uint64))
    seen.add(np.ones(1, dtype=np.uint64))
    latest = seen.latest[0]
    assert (latest, seen.earlier[latest], seen.earlier[1]) == (100_001, 1, 0)


def test_there_are_as_many_slots_as_rows(many: np.ndarray) -> None:
    seen = SeenRows(10)
    seen.add(many)
    assert len(seen.latest) == 1 << 20
