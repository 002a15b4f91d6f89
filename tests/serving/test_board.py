import os

from serving.auth import Caller
from serving.board import Board
from serving.limits import RateLimiter, RateTable
from serving.problem import Problem


def test_a_vector_is_the_same_one_each_time() -> None:
    slab = Board(1).slab(0)
    slab.vector("a", 3)[1] += 2

    assert list(slab.vector("a", 3)) == [0, 2, 0]


def test_totals_are_sums_over_the_slabs() -> None:
    board = Board(3)
    for slot in range(3):
        board.slab(slot).vector("a|x", 2)[0] += slot
        board.slab(slot).vector("b|x", 1)[0] += 100

    assert board.totals("a|") == {"x": [3, 0]}


def test_what_another_process_counts_is_seen() -> None:
    board = Board(2)
    board.slab(0).vector("a", 1)[0] = 1
    child = os.fork()
    if child == 0:
        board.slab(1).vector("a", 1)[0] = 41
        os._exit(0)
    os.waitpid(child, 0)

    assert board.totals("a") == {"": [42]}


def test_a_successor_carries_on() -> None:
    board = Board(1)
    board.slab(0).vector("a", 1)[0] = 5
    board.slab(0).vector("a", 1)[0] += 1

    assert board.totals("a") == {"": [6]}


def test_released_space_is_used_again_from_zero() -> None:
    board = Board(1, slab_bytes=4096)
    slab = board.slab(0)
    for number in range(1000):
        vector = slab.vector(f"drift|{number:04}", 20)
        assert list(vector) == [0] * 20
        vector[3] = 7
        slab.release(f"drift|{number:04}")

    assert board.totals("drift|") == {}


def test_a_full_slab_loses_counts_but_fails_nothing() -> None:
    board = Board(1, slab_bytes=256)
    slab = board.slab(0)
    for number in range(100):
        slab.vector(f"name-{number}", 4)[0] += 1

    assert 0 < sum(values[0] for values in board.totals("name-").values()) < 100


def test_clearing_touches_one_slot_and_prefix() -> None:
    board = Board(2)
    for slot in range(2):
        board.slab(slot).vector("serves|x", 1)[0] = 1
        board.slab(slot).vector("request|x", 1)[0] = 1
    board.clear(0, "serves|")

    assert (board.totals("serves|"), board.totals("request|")) == ({"x": [1]}, {"x": [2]})


def limiter(table: RateTable, slot: int, clock: float = 0.0) -> RateLimiter:
    return RateLimiter(table, slot, limit=3, window_seconds=10, clock=lambda: clock)


def refused(limit: RateLimiter, caller: Caller) -> Problem | None:
    try:
        limit.admit(caller)
    except Problem as problem:
        return problem
    return None


def test_the_rate_limit_counts_all_workers_together() -> None:
    table = RateTable(keys=2, slots=2)
    outcomes = [refused(limiter(table, slot), Caller("key-1", 0)) for slot in (0, 1, 0, 1)]

    assert [bool(problem) for problem in outcomes] == [False, False, False, True]


def test_callers_are_limited_apart() -> None:
    table = RateTable(keys=2, slots=1)
    for _ in range(4):
        refused(limiter(table, 0), Caller("key-1", 0))

    assert refused(limiter(table, 0), Caller("key-2", 1)) is None
    assert refused(limiter(table, 0), Caller("jwt-dex-ana")) is None


def test_the_next_window_begins_anew() -> None:
    table = RateTable(keys=1, slots=1)
    for _ in range(4):
        refused(limiter(table, 0), Caller("key-1", 0))

    assert refused(limiter(table, 0, clock=10.0), Caller("key-1", 0)) is None


def test_the_wait_is_told() -> None:
    table = RateTable(keys=1, slots=1)
    problems = [refused(limiter(table, 0, clock=4.0), Caller("key-1", 0)) for _ in range(4)]

    assert problems[-1] is not None
    assert (problems[-1].status, problems[-1].headers) == (429, ((b"retry-after", b"7"),))
