"""A sign of life: written again and again while something goes on, so that what a killed process leaves is told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from molino.contracts.errors import MolinoError

BEAT_SECONDS = 30.0
LEFT_SECONDS = 180.0
"""A sign that is older was left by a process that was killed."""


@contextmanager
def beating(write: Callable[[], object]) -> Iterator[None]:
    """Write a sign, and again as long as the context lasts; who calls takes it away."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            with suppress(MolinoError):
                write()

    write()
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
