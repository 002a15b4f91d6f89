"""Child processes of the embedded mode: each in a group of its own, with a log file, and none left behind."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.05
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""Keeps Python from importing what lies in the working folder, which may be called like a package."""
PR_SET_PDEATHSIG = 1
"""Linux `prctl(2)`: the signal that a process gets when its parent dies."""


@dataclass(frozen=True)
class Child:
    """A started program, leader of its own process group."""

    name: str
    log: Path
    """Where its stdout and stderr go."""
    process: "subprocess.Popen[bytes]"

    @property
    def exit_code(self) -> int | None:
        """Its exit code, or none while it runs; negative is the signal that ended it."""
        return self.process.poll()

    def release(self) -> None:
        """Let a program that was started held go on: it waits for a line on its standard input."""
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended; its exit code tells why
                self.process.stdin.write(b"\n")
                self.process.stdin.flush()
            self.close()

    def close(self) -> None:
        """Close the pipe to its standard input, if there is one."""
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the program and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def last_line(self) -> str:
        """Return the last line of its log that says something, for an error message."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else "it wrote nothing"


def start(
    name: str, command: Sequence[str], log: Path, environment: Mapping[str, str], nice: int = 0, held: bool = False
) -> Child:
    """Start a program; what it writes goes to the end of its log file.

    Args:
        name: what messages call it.
        command: program and arguments.
        log: its log file; the folder is made.
        environment: variables over those of this process.
        nice: how far it steps back for others.
        held: it waits for `Child.release`, by a pipe as its standard input.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if held else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **SAFE_PATH, **environment},
            start_new_session=True,
            preexec_fn=_before_start(nice),
        )
    return Child(name, log, process)


def _before_start(nice: int) -> Callable[[], None]:
    """Return what the new process does first; the library is loaded here, since nothing may be after the fork."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def prepare() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if nice:
            os.nice(nice)

    return prepare


def stop(children: Iterable[Child], grace_seconds: float = 8.0) -> None:
    """End programs and all that they started, last started first: asked at first, killed after the grace time."""
    running = list(children)[::-1]
    for child in running:
        child.signal_group(signal.SIGTERM)
    wait_until(lambda: all(child.exit_code is not None for child in running), grace_seconds)
    for child in running:
        child.signal_group(signal.SIGKILL)
        child.process.wait()
        child.close()


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; tell whether it came true within the time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True
