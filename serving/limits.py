"""A limit on requests per key and window, over all workers."""

import time
from collections.abc import Callable

from serving.auth import Caller
from serving.problem import Problem


class RateLimiter:
    """Counts requests per caller in windows of fixed length."""

    def __init__(
        self,
        limit: int,
        window_seconds: float,
        count: Callable[[str, int], int],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take `count(caller, window)`: counts one more request and returns how many all workers had in the window."""
        self._limit = limit
        self._window = window_seconds
        self._count = count
        self._clock = clock

    def admit(self, caller: Caller) -> None:
        """Count a request.

        Raises:
            Problem: 429, with the seconds until the next window.
        """
        now = self._clock()
        window = int(now // self._window)
        if self._count(caller.name, window) > self._limit:
            wait = max(1, round((window + 1) * self._window - now + 0.5))
            detail = f"more than {self._limit} requests in {self._window:g} s; try again in {wait} s"
            raise Problem(429, detail, ((b"retry-after", str(wait).encode()),))
