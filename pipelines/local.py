"""The embedded runner: each step of a run is a process on this machine, one after the other."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from molino.contracts.errors import RunError
from molino.contracts.steps import Step
from pipelines.process import POLL_SECONDS, Child, start, stop


class Reporter(Protocol):
    """Who is told how the run goes."""

    def started(self, step: Step) -> None:
        """A step's process has been started."""

    def event(self, step: Step, event: Mapping[str, Any]) -> None:
        """A step has logged an event; `done` and `total` in it say how far it is."""

    def ended(self, step: Step, seconds: float) -> None:
        """A step has ended well."""


@dataclass(frozen=True)
class LocalRun:
    """What a run on this machine needs."""

    model: str
    run_id: str
    logs: Path
    """Folder of the steps' log files, `<step>.log`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables handed to every step over those of this process."""


def run_steps(run: LocalRun, steps: Sequence[Step], reporter: Reporter, watch: Callable[[], None]) -> None:
    """Run steps, one after the other.

    Args:
        run: model, run id, logs and environment.
        steps: what to run, in order.
        reporter: is told of each step.
        watch: is called over and over while a step runs; what it raises ends the step and the run.

    Raises:
        RunError: a step failed; names it, its cause and its log.
    """
    for step in steps:
        _run_step(run, step, reporter, watch)


def step_command(run: LocalRun, step: Step) -> list[str]:
    """Return the command line of a step, as pods have it too."""
    return [sys.executable, "-m", "molino", "step", step.name, "--model", run.model, "--run-id", run.run_id]


def _run_step(run: LocalRun, step: Step, reporter: Reporter, watch: Callable[[], None]) -> None:
    began = time.monotonic()
    log = run.logs / f"{step.name}.log"
    follow = Follower(log)
    child = start(step.name, step_command(run, step), log, run.environment)
    reporter.started(step)
    try:
        running = True
        while running:
            watch()
            running = child.exit_code is None
            for event in follow.events():
                reporter.event(step, event)
            time.sleep(POLL_SECONDS if running else 0)
    finally:
        stop([child])
    if child.exit_code:
        raise RunError(f"{step.name} of {run.model} run {run.run_id} failed: {_cause(child)} (log: {log})")
    reporter.ended(step, time.monotonic() - began)


def _cause(child: Child) -> str:
    code = child.exit_code or 0
    if code < 0:
        return f"ended by signal {-code}"
    return child.last_line().removeprefix("molino: ")


class Follower:
    """Reads the JSON lines that are added to a log file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = path.stat().st_size if path.is_file() else 0

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the events written since the last call; lines that are no JSON object are left out."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as file:
            file.seek(self.offset)
            written = file.read()
        whole, newline, _ = written.rpartition(b"\n")
        self.offset += len(whole) + len(newline)
        for line in whole.splitlines():
            if line.startswith(b"{"):
                try:
                    yield json.loads(line)
                except ValueError:
                    continue
