"""Wait for a condition, with a limit."""

import time
from collections.abc import Callable

from tests.cluster.fault import ClusterError

INTERVAL = 0.1


def until(
    what: str,
    holds: Callable[[], bool],
    limit: float,
    broken: Callable[[], str | None] = lambda: None,
    interval: float = INTERVAL,
) -> None:
    """Return once a condition holds.

    Args:
        what: The condition, in words.
        holds: Asks whether it does.
        limit: Seconds after which it is given up.
        broken: Says why it can't hold any more, if it can't.
        interval: Seconds between two questions; longer where a question takes its own time of a processor.

    Raises:
        ClusterError: It can't hold any more, or doesn't within the limit.
    """
    end = time.monotonic() + limit
    while not holds():
        if cause := broken():
            raise ClusterError(f"{what} will not be: {cause}")
        if time.monotonic() > end:
            raise ClusterError(f"{what} was not within {limit:.0f} s")
        time.sleep(interval)
