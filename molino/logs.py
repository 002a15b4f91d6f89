"""Logs on stderr: JSON lines in containers and files, readable lines with progress bars on a terminal."""

import logging
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from molino.contracts.address import without_credentials
from molino.error_reports import open_reports, report_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def _hide_credentials(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Take user, password and query out of every URL, also where another's message has brought it."""
    return {key: without_credentials(value) if isinstance(value, str) else value for key, value in event.items()}


SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _hide_credentials,
)


def configure_logs() -> None:
    """Set up logging once, at the edge; `MOLINO_LOG_FORMAT` of `json` or `console` overrides what stderr is.

    A line is written with its end in one call: threads and processes that share stderr can't come in between. Errors go
    to Sentry too, where `MOLINO_SENTRY_DSN` says so.

    Raises:
        SettingsError: the address of Sentry is wrong.
    """
    wanted = os.environ.get("MOLINO_LOG_FORMAT") or ("console" if sys.stderr.isatty() else "json")
    last: list[Processor] = (
        [Bars(), structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if wanted == "console"
        else [structlog.processors.format_exc_info, _hide_credentials, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*SHARED, *((report_line,) if open_reports() else ()), *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(Unfailing(sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )


class Unfailing:
    """A stream of log lines that are lost where they can't be written: what is logged is worth more than its log.

    The disk of a log may be full, and its pipe closed.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, or lose it."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written, or lose it."""
        with suppress(OSError, ValueError):
            self._stream.flush()


class Bars:
    """Turns log events that carry `done` and `total` into one progress bar each, by event name."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        """Move the bar of an event, or let the event through."""
        if "done" not in event or "total" not in event:
            return event
        self._move(str(event["event"]), float(event["done"]), float(event["total"]))
        raise structlog.DropEvent

    def _move(self, name: str, done: float, total: float) -> None:
        if self.progress is None:
            self.progress = _open_progress()
        if name not in self.tasks:
            self.tasks[name] = self.progress.add_task(name, total=total)
        self.progress.update(self.tasks[name], completed=done, total=total)
        if all(task.finished for task in self.progress.tasks):
            self.progress.stop()
            self.progress, self.tasks = None, {}


def _open_progress() -> "Progress":
    import atexit

    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True), transient=True)
    progress.start()
    atexit.register(progress.stop)
    return progress
