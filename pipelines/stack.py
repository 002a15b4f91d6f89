"""The services of the embedded mode together: started, watched, and stopped together."""

import fcntl
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from molino.contracts.errors import RunError
from pipelines.process import Child, start, stop
from pipelines.services import Service


class Stopped(Exception):  # noqa: N818
    """A signal asked for the end; no error."""


class Stop:
    """Remembers that a signal asked for the end, so that it comes between two acts and never within one.

    A hang-up that is ignored, as `nohup` has it, stays ignored.
    """

    def __init__(self) -> None:
        self.asked_by: int | None = None

    def __enter__(self) -> Self:
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        self._before = {number: signal.signal(number, self._remember) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise Stopped when a signal has come."""
        if self.asked_by is not None:
            raise Stopped

    def _remember(self, number: int, _: FrameType | None) -> None:
        self.asked_by = number


class Stack:
    """The running services. Leaving it stops them and all that they started."""

    def __init__(self, logs: Path, stop_asked: Stop) -> None:
        self.logs = logs
        self.stop_asked = stop_asked
        self.children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        stop(self.children)

    def start(self, services: Sequence[Service], environment: dict[str, str]) -> None:
        """Start services; their logs are `<name>.log`."""
        for service in services:
            log = self.logs / f"{service.name}.log"
            both = {**environment, **service.environment}
            self.children.append(start(service.name, service.command, log, both, service.nice))

    def watch(self) -> None:
        """Make sure that all is well.

        Raises:
            RunError: a service has ended; names it, its last words and its log.
            Stopped: a signal asked for the end.
        """
        self.stop_asked.check()
        for child in self.children:
            if child.exit_code is not None:
                raise RunError(
                    f"{child.name} has ended by itself (exit code {child.exit_code}): {child.last_line()} "
                    f"(log: {child.log})"
                )


@contextmanager
def running_lock(home: Path) -> Iterator[None]:
    """Hold a state folder, so that two runs never share one.

    Raises:
        RunError: another run holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"another run uses {home}: stop it, or set MOLINO_HOME to another folder") from error
        yield
