"""The embedded runner: each step of a run is a process on this machine, one after the other."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from molino.contracts.errors import RunError
from molino.contracts.steps import STEP_NAMES, Step
from pipelines.process import POLL_SECONDS, Child, start, stop


class Reporter(Protocol):
    """Who is told how the run goes."""

    def started(self, step: Step) -> None:
        """A step's process has been started."""

    def event(self, step: Step, event: Mapping[str, Any]) -> None:
        """A step has logged an event; `done` and `total` in it say how far it is."""

    def ended(self, step: Step, seconds: float) -> None:
        """A step has ended well."""


class StepFailedError(RunError):
    """A step's process has failed."""

    def __init__(self, run: "LocalRun", step: str, cause: str, put_back: bool) -> None:
        log = run.logs / f"{step}.log"
        super().__init__(f"{step} of {run.model} run {run.run_id} failed: {cause} (log: {log})")
        self.step = step
        self.cause = cause
        self.put_back = put_back


@dataclass(frozen=True)
class LocalRun:
    """What a run on this machine needs."""

    model: str
    run_id: str
    logs: Path
    """Folder of the steps' log files, `<step>.log`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables handed to every step over those of this process."""


class StepProcesses:
    """Runs steps of a run, one after the other; while one works, the next one's process loads its libraries.

    Imports take seconds of a step and wait for nothing that an earlier step makes, and a step seldom keeps all cores
    busy. Leaving the context ends what runs still.
    """

    def __init__(
        self, run: LocalRun, steps: Sequence[Step], reporter: Reporter, watch: Callable[[], None] = lambda: None
    ) -> None:
        """Take what is to be run.

        Args:
            run: model, run id, logs and environment.
            steps: all that may be asked for, in order.
            reporter: is told of each step.
            watch: is called over and over while a step runs; what it raises ends the step and the run.
        """
        self.run = run
        self.reporter = reporter
        self.watch = watch
        self._waiting = list(steps)
        self._held: dict[str, tuple[Child, Follower]] = {}

    def __enter__(self) -> "StepProcesses":
        return self

    def __exit__(self, *_: object) -> None:
        stop([child for child, _ in self._held.values()])

    def run_through(self, last: str) -> None:
        """Run the steps that are left, up to and with one of them.

        Raises:
            StepFailedError: names the step, its cause and its log.
        """
        while self._waiting and STEP_NAMES.index(self._waiting[0].name) <= STEP_NAMES.index(last):
            self._run_step(self._waiting.pop(0))

    def _run_step(self, step: Step) -> None:
        began = time.monotonic()
        self._hold(step)
        child, follow = self._held[step.name]
        child.release()
        self.reporter.started(step)
        try:
            for following in self._waiting[:1]:
                self._hold(following)
            running = True
            while running:
                self.watch()
                running = child.exit_code is None
                for event in follow.events():
                    self.reporter.event(step, event)
                time.sleep(POLL_SECONDS if running else 0)
        finally:
            stop([child])
            del self._held[step.name]
        if child.exit_code:
            raise StepFailedError(self.run, step.name, *_cause(child))
        self.reporter.ended(step, time.monotonic() - began)

    def _hold(self, step: Step) -> None:
        """Start a step's process, which waits to be released, unless it is there."""
        if step.name not in self._held:
            log = self.run.logs / f"{step.name}.log"
            follow = Follower(log)
            command = [*step_command(self.run, step), "--hold"]
            self._held[step.name] = start(step.name, command, log, self.run.environment, held=True), follow


def step_command(run: LocalRun, step: Step) -> list[str]:
    """Return the command line of a step, as pods have it too."""
    return [sys.executable, "-m", "molino", "step", step.name, "--model", run.model, "--run-id", run.run_id]


def _cause(child: Child) -> tuple[str, bool]:
    """Return why a process has failed, and whether it has put back what served before."""
    code = child.exit_code or 0
    if code < 0:
        return f"ended by signal {-code}", False
    line = child.last_line()
    with suppress(ValueError, KeyError, TypeError):
        told = json.loads(line)
        return str(told["error"]), told.get("put_back") is True
    return line.removeprefix("molino: "), False


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
