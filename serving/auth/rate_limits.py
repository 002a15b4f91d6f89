"""A limit on requests per key and window, over all workers."""

import mmap
import time
import zlib
from collections.abc import Callable

from serving.auth.callers import Caller
from serving.http.problems import Problem

TOKEN_CALLERS = 1024
"""Callers by token are counted in this many rows, found by a hash of who they are; two may share a row."""


class RateTable:
    """Shared memory with a row per caller, and in it a window and a count per worker."""

    def __init__(self, keys: int, slots: int) -> None:
        self._keys = keys
        self._slots = slots
        self._cells = memoryview(mmap.mmap(-1, (keys + TOKEN_CALLERS) * slots * 16)).cast("q")

    def count(self, caller: Caller, slot: int, window: int) -> int:
        """Count one more request and return how many all workers had in this window."""
        row = caller.number
        if row is None:
            row = self._keys + zlib.crc32(caller.name.encode("utf-8", "replace")) % TOKEN_CALLERS
        first = row * self._slots * 2
        own = first + slot * 2
        if self._cells[own] != window:
            self._cells[own + 1] = 0
            self._cells[own] = window
        self._cells[own + 1] += 1
        cells = self._cells[first : first + self._slots * 2].tolist()
        return sum(count for then, count in zip(cells[::2], cells[1::2], strict=True) if then == window)


class RateLimiter:
    """Counts requests per caller in windows of fixed length."""

    def __init__(
        self, table: RateTable, slot: int, limit: int, window_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._table = table
        self._slot = slot
        self._limit = limit
        self._window = window_seconds
        self._clock = clock

    def admit(self, caller: Caller) -> None:
        """Count a request.

        Raises:
            Problem: 429, with the seconds until the next window.
        """
        now = self._clock()
        window = int(now // self._window)
        if self._table.count(caller, self._slot, window) > self._limit:
            wait = max(1, int((window + 1) * self._window - now + 1))
            detail = f"more than {self._limit} requests in {self._window:g} s; try again in {wait} s"
            raise Problem(429, detail, ((b"retry-after", str(wait).encode()),))
