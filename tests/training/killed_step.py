"""`python killed_step.py EVENT ARGUMENT …`: the `molino` command, killed (SIGKILL) in the moment it logs an event."""

import json
import os
import signal
import sys
from typing import TextIO


class Trap:
    """A stream that ends its process once the event has gone through it."""

    def __init__(self, stream: TextIO, event: str) -> None:
        self.stream = stream
        self.event = event

    def write(self, text: str) -> int:
        """Write the text; of the awaited event, it is the last that the process does."""
        written = self.stream.write(text)
        if text.startswith("{") and json.loads(text)["event"] == self.event:
            self.stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return written

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


if __name__ == "__main__":
    from molino.cli import main

    sys.stderr = Trap(sys.stderr, sys.argv.pop(1))  # type: ignore[assignment]
    main()
