"""What a long proof measured and found, as a section of `tests/e2e/results.md`."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.machine import describe_machine
from tests.bench.results import write_section
from tests.cluster.fault import ClusterError

RESULTS = Path(__file__).with_name("results.md")
SHOWN = 300
"""Characters of what differs."""


class Report:
    """What was done, with its figures, and what wasn't as promised."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.faults: list[str] = []

    def say(self, what: str, figure: str) -> None:
        """Add a line."""
        print(f"{what}: {figure}", file=sys.stderr, flush=True)
        self.rows.append((what, figure))

    @contextmanager
    def time(self, what: str) -> Iterator[None]:
        """Add how long the context took."""
        began = time.monotonic()
        yield
        self.say(what, f"{time.monotonic() - began:.0f} s")

    def same(self, what: str, before: object, after: object) -> None:
        """Add whether two are equal."""
        if before != after:
            self.faults.append(f"{what}: {str(before)[:SHOWN]} before, {str(after)[:SHOWN]} after")
        self.say(what, "equal" if before == after else "**differ**")

    def promise(self, kept: bool, what: str, figure: str) -> None:
        """Add a line of what is promised, and a fault where it isn't so."""
        if not kept:
            self.faults.append(f"{what}: {figure}")
        self.say(what, figure if kept else f"**{figure}**")

    @contextmanager
    def broken_off(self) -> Iterator[None]:
        """Keep the figures of what went before where the rest can't be done, which is a fault."""
        try:
            yield
        except ClusterError as error:
            told = str(error).replace("|", "/").partition("\n")[0]
            self.promise(False, "Broken off", told[:SHOWN])

    def write(self, section: str, title: str, told: str) -> None:
        """Write the section."""
        text = [f"## {title}\n\n{told}\n\n{describe_machine()}", "| What | Figure |", "| --- | --- |"]
        lines = [f"| {what} | {figure} |" for what, figure in self.rows]
        write_section(section, "\n".join([*text, *lines]), RESULTS)

    def end(self, name: str) -> int:
        """Print the faults; return the exit code."""
        for fault in self.faults:
            print(f"{name}: {fault}", file=sys.stderr)
        return 1 if self.faults else 0
