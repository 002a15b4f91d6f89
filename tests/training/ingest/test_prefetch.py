import threading
from collections.abc import Iterator

import pytest

from training.ingest.prefetch import prefetch


def counting(until: int, seen: list[int]) -> Iterator[int]:
    for number in range(until):
        seen.append(number)
        yield number


def test_items_keep_their_order() -> None:
    assert list(prefetch(iter(range(1000)))) == list(range(1000))


def test_an_error_comes_out_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    taken = []
    with pytest.raises(ValueError, match="broken"):
        taken.extend(prefetch(failing()))
    items = prefetch(failing())
    assert next(items) == 1


def test_no_more_items_wait_than_asked_for() -> None:
    seen: list[int] = []
    items = prefetch(counting(1000, seen), depth=3)
    first = next(items)
    items.close()
    # One was taken, three wait, one is on its way, and closing makes room for none.
    assert (first, len(seen) <= 5) == (0, True)


def test_closing_ends_the_thread() -> None:
    before = threading.active_count()
    items = prefetch(counting(1000, []))
    next(items)
    items.close()
    assert threading.active_count() == before
