"""Measure and print what takes how long."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Print a phase's name and seconds once it is done, to standard error."""
    start = time.monotonic()
    yield
    print(f"{name:<52}{time.monotonic() - start:7.1f} s", file=sys.stderr, flush=True)
