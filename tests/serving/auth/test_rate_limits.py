"""The limit on requests, as many processes and threads count them at once."""

import os
import signal
import threading
import time
from collections import deque
from pathlib import Path
from random import Random

from running_server import KEY, run_server

from serving.auth.callers import Caller
from serving.auth.rate_limits import ROWS, SETS, RateLimiter, RateTable
from serving.http.problems import Problem

ANA, BEN = Caller("key-1", b"a" * 32), Caller("key-2", b"b" * 32)


def limiter(table: RateTable, seconds: float = 1.0) -> RateLimiter:
    """Return a limiter over 10 s whose clock stands still."""
    return RateLimiter(table, window_seconds=10, clock=lambda: int(seconds * 1e9))


def refused(limit: RateLimiter, caller: Caller = ANA) -> Problem | None:
    try:
        limit.admit(caller)
    except Problem as problem:
        return problem
    return None


def test_callers_are_limited_apart() -> None:
    table = RateTable(3)
    outcomes = [refused(limiter(table)) is None for _ in range(4)]

    assert outcomes == [True, True, True, False]
    assert refused(limiter(table), BEN) is None
    assert refused(limiter(table), Caller("jwt-dex-ana")) is None


def test_a_caller_keeps_their_count_where_their_key_changes_places() -> None:
    table = RateTable(3)
    for _ in range(3):
        limiter(table).admit(ANA)

    assert refused(limiter(table), Caller("key-7", ANA.digest))


def test_no_window_holds_more_than_the_limit_wherever_it_begins() -> None:
    table, random = RateTable(5), Random(1)
    now, counted = 1.0, deque[float]()
    for _ in range(3000):
        now += random.choice([0.0, 0.01, 0.5, 2.0, 9.0])
        expected = sum(now - then < 10 for then in counted) < 5
        assert (refused(limiter(table, now)) is None) == expected
        if expected:
            counted.append(now)


def test_the_wait_that_is_told_is_long_enough_and_no_longer_than_it_must_be() -> None:
    table = RateTable(3)
    for second in (1.0, 2.0, 3.0):
        limiter(table, second).admit(ANA)
    problem = refused(limiter(table, 4.0))

    assert problem is not None
    assert (problem.status, problem.headers) == (429, ((b"retry-after", b"7"),))
    assert refused(limiter(table, 10.99)) is not None
    assert refused(limiter(table, 11.0)) is None


def test_refused_requests_dont_put_off_the_next_one() -> None:
    table = RateTable(1)
    limiter(table, 1.0).admit(ANA)
    for second in range(2, 11):
        assert refused(limiter(table, second))

    assert refused(limiter(table, 11.0)) is None


def test_threads_and_processes_count_together() -> None:
    table = RateTable(1000)
    read, write = os.pipe()
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            admitted = [0, 0]

            def ask(own: int, admitted: list[int] = admitted) -> None:
                admitted[own] = sum(refused(limiter(table)) is None for _ in range(200))

            threads = [threading.Thread(target=ask, args=(own,)) for own in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            os.write(write, f"{sum(admitted)}\n".encode())
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)

    assert sum(map(int, os.read(read, 1000).split())) == 1000


def test_a_worker_that_dies_while_it_counts_locks_nobody_out() -> None:
    table = RateTable(10**9 // 2**10)
    for _ in range(20):
        child = os.fork()
        if child == 0:
            while True:
                refused(RateLimiter(table, 10))
        time.sleep(0.005)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

        assert refused(RateLimiter(table, 10)) is None


def test_what_a_killed_worker_counted_last_is_counted_and_no_more_than_that() -> None:
    """It had written the time, and not yet where the next one goes."""
    table = RateTable(3)
    limiter(table, 1.0).admit(ANA)
    (first,) = (place for place, word in enumerate(table._words) if word == 1_000_000_000)
    table._words[first + 1] = 2_000_000_000

    assert refused(limiter(table, 3.0)) is None
    problem = refused(limiter(table, 4.0))
    assert problem is not None
    assert problem.headers == ((b"retry-after", b"7"),)


def test_more_callers_than_there_is_room_for_share_and_are_never_let_through_unlimited() -> None:
    table = RateTable(2)
    admitted = 0
    for number in range(2 * SETS * ROWS):
        caller = Caller(f"jwt-dex-{number}")
        outcomes = [refused(limiter(table), caller) is None for _ in range(3)]
        assert not outcomes[2]
        admitted += sum(outcomes)

    assert admitted <= 2 * SETS * ROWS


def test_the_window_slides_on_a_server(releases: Path, tmp_path: Path) -> None:
    limits = {"MOLINO_SERVING_RATE_LIMIT": 20, "MOLINO_SERVING_RATE_WINDOW_SECONDS": 2}
    admitted = deque[tuple[float, float]]()
    with run_server(releases, tmp_path / "log", **limits) as server:
        deadline = time.monotonic() + 7
        while time.monotonic() < deadline:
            before = time.monotonic()
            if server.ask("GET", "/models", headers=KEY).status == 200:
                admitted.append((before, time.monotonic()))

    times = list(admitted)
    assert len(times) >= 60
    assert all(later[1] - earlier[0] >= 2 for earlier, later in zip(times, times[20:], strict=False))
