"""A limit on requests per key in any window of time, exact over all workers."""

import fcntl
import math
import mmap
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from serving.auth.callers import Caller
from serving.http.problems import Problem

SETS = 512
ROWS = 8
"""Rows per set. A caller's digest says which set; in it they have the first row that is free or of no more use."""
_CALLER, _NEXT, _TIMES = 0, 1, 2
"""Words of a row: who it counts, where the next time goes, and the times themselves, a ring of as many as the limit."""
_WORD = 8


class RateTable:
    """Memory that all workers share, with the times of each caller's last requests.

    Pages that are never written cost nothing, so a row may have room for a large limit. A set is locked while it is
    looked through; the kernel takes the lock from a process that dies.
    """

    def __init__(self, limit: int) -> None:
        """Map the memory; to be done before the workers are forked."""
        self.limit = limit
        self._row_words = _TIMES + limit
        size = SETS * ROWS * self._row_words * _WORD
        self._file = os.memfd_create("molino-rates")
        os.ftruncate(self._file, size)
        self._words = memoryview(mmap.mmap(self._file, size)).cast("q")
        self._thread_lock = threading.Lock()
        self._told_full = False

    def admit(self, caller: Caller, clock: Callable[[], int], window: int) -> int:
        """Count a request, unless the caller has had as many as the limit within the window.

        Args:
            caller: who asks.
            clock: tells nanoseconds, the same in all workers, and never goes back.
            window: its length in nanoseconds.

        Returns:
            0 where the request was counted, else the nanoseconds until there is room for one.
        """
        found = int.from_bytes(caller.digest[:4], "big") % SETS
        with self._locked(found):
            now = clock()
            row = self._find_row(found, int.from_bytes(caller.digest[4:12], "big", signed=True) or 1, now, window)
            self._take_up(row)
            place = row + _TIMES + self._words[row + _NEXT]
            # The ring is as long as the limit, so what is to be written over is the oldest that still may count.
            wait = self._words[place] + window - now if self._words[place] else 0
            if wait > 0:
                return wait
            self._words[place] = now
            self._words[row + _NEXT] = (self._words[row + _NEXT] + 1) % self.limit
            return 0

    def _take_up(self, row: int) -> None:
        """Move on past a time that its process wrote as its last act: it was killed before it could.

        Such a time is later than all before it. Left there, it would pass for the oldest of a full ring.
        """
        following = self._words[row + _NEXT]
        newest = self._words[row + _TIMES + (following - 1) % self.limit]
        if self._words[row + _TIMES + following] > newest:
            self._words[row + _NEXT] = (following + 1) % self.limit

    def _find_row(self, found: int, caller: int, now: int, window: int) -> int:
        """Return the first word of the caller's row, taking one whose last request is out of the window."""
        rows = [(found * ROWS + row) * self._row_words for row in range(ROWS)]
        for row in rows:
            if self._words[row + _CALLER] == caller:
                return row
        oldest = min(rows, key=self._last)
        if self._last(oldest) + window <= now:
            self._words[oldest + _NEXT] = 0
            self._words[oldest + _TIMES : oldest + self._row_words] = memoryview(bytes(self.limit * _WORD)).cast("q")
            self._words[oldest + _CALLER] = caller
        elif not self._told_full:
            self._told_full = True
            structlog.get_logger().warning("more callers than the rate limit can tell apart: some share one limit")
        return oldest

    def _last(self, row: int) -> int:
        """Return the time of a row's last request; far back where it has none."""
        if not self._words[row + _CALLER]:
            return -(2**62)
        return self._words[row + _TIMES + (self._words[row + _NEXT] - 1) % self.limit]

    @contextmanager
    def _locked(self, number: int) -> Iterator[None]:
        """Keep other threads and other processes out of a set."""
        with self._thread_lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, number)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)


class RateLimiter:
    """Lets so many requests of a caller in, in any window of a length."""

    def __init__(self, table: RateTable, window_seconds: float, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Limit by a table; the clock tells nanoseconds, the same in all processes of the machine."""
        self._table = table
        self._window_seconds = window_seconds
        self._clock = clock

    def admit(self, caller: Caller) -> None:
        """Count a request; one that is refused doesn't count.

        Raises:
            Problem: 429, with the seconds after which the next one is let in.
        """
        wait = self._table.admit(caller, self._clock, int(self._window_seconds * 1e9))
        if wait:
            seconds = math.ceil(wait / 1e9)
            detail = f"more than {self._table.limit} requests in {self._window_seconds:g} s; try again in {seconds} s"
            raise Problem(429, detail, ((b"retry-after", str(seconds).encode()),))
