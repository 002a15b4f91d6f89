"""Lets the first process of a container end when it is told to: Python imports this before the program.

To a process with the id 1 the kernel delivers no signal that it has no handler for, so that a pod that waits would
outlive its deletion until Kubernetes kills it, half a minute later. Programs that handle SIGTERM put theirs in place.
"""

import os
import signal
import sys
from types import FrameType

FIRST = 1


def _end(number: int, _: FrameType | None) -> None:
    if os.getpid() != FIRST:  # A fork, which ends as any other process does.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    sys.exit(128 + number)


if os.getpid() == FIRST:
    signal.signal(signal.SIGTERM, _end)
