"""Logs on stderr: JSON lines in containers and files, readable lines with progress bars on a terminal."""

import io
import json
import logging
import math
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from molino.contracts.address import without_credentials
from molino.contracts.errors import MolinoError
from molino.error_reports import open_reports, report_line

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID


DEEPEST = 10
"""Lists and mappings within each other that a line shows as such."""
_ERROR = "exc_info"
"""What a traceback is still to be made of."""


def _make_plain(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Make texts, numbers, lists and mappings of what an event tells, whatever it is.

    User, password and query are taken out of every URL, also where another's message has brought it.
    """
    return {_text(key): value if key == _ERROR else _plain(value) for key, value in event.items()}


def _plain(value: Any, room: int = DEEPEST) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Mapping) and room:
        return {_text(key): _plain(one, room - 1) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and room:
        return [_plain(one, room - 1) for one in value]
    return _text(value)


def _text(value: Any) -> str:
    """Return a text without credentials, or how another object shows itself; halves of a character are `?`."""
    text = value if isinstance(value, str) else repr(value)
    return without_credentials(text).encode("utf-8", "replace").decode()


def _dump(event: EventDict, **_: Any) -> str:
    """Return an event as JSON, which has no word for a number that isn't finite: it is null."""
    try:
        return json.dumps(event, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(event))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_traceback(stream: TextIO, error: ExcInfo) -> None:
    """Write a traceback for a terminal: without the variables of its frames, which may hold keys and rows."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, error)
    stream.write(without_credentials(text.getvalue()))


SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _make_plain,
)

AS_JSON: tuple[Processor, ...] = (
    structlog.processors.format_exc_info,
    _make_plain,
    structlog.processors.JSONRenderer(serializer=_dump),
)


def configure_logs() -> None:
    """Set up logging once, at the edge; `MOLINO_LOG_FORMAT` of `json` or `console` overrides what stderr is.

    Where `json` is asked for, what others log, what Python warns of and the traceback of a bug are such lines too; else
    these stay text. A line is written with its end in one call: threads and processes that share stderr can't come in
    between. Errors go to Sentry too, where `MOLINO_SENTRY_DSN` says so.

    Raises:
        SettingsError: the address of Sentry is wrong.
    """
    wanted = os.environ.get("MOLINO_LOG_FORMAT") or ("console" if sys.stderr.isatty() else "json")
    last: list[Processor] = (
        [Bars(), structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_write_traceback)]
        if wanted == "console"
        else [*AS_JSON]
    )
    if json_is_asked_for():
        _take_over()
    structlog.configure(
        processors=[*SHARED, *((report_line,) if open_reports() else ()), *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(Unfailing(sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )


def json_is_asked_for() -> bool:
    """Tell whether all that is written on stderr is to be JSON, by `MOLINO_LOG_FORMAT`."""
    return os.environ.get("MOLINO_LOG_FORMAT") == "json"


def write_end(error: str, bug: BaseException | None = None, put_back: bool = False) -> None:
    """Tell in a line of JSON what has ended the process, however far logging is set up; of a bug its traceback too."""
    event: Any = {"event": "failed", "error": error, **({"exc_info": bug} if bug else {})}
    event |= {"put_back": True} if put_back else {}
    for processor in (*SHARED, *AS_JSON):
        event = processor(None, "error", event)
    Unfailing(sys.stderr).write(f"{event}\n")


def tell_end(program: str, error: MolinoError) -> None:
    """Say what has ended a program, in the form of its log."""
    if json_is_asked_for():
        write_end(str(error), put_back=error.put_back)
    else:
        print(f"{program}: {error}", file=sys.stderr)


def _take_over() -> None:
    """Bring what isn't logged by structlog into the same form: others' loggers, warnings, tracebacks.

    None of it is reported: what others log may quote a row.
    """
    os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
    handler = logging.StreamHandler(Unfailing(sys.stderr))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *SHARED, *AS_JSON],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    sys.excepthook = _log_bug


def _log_bug(kind: type[BaseException], error: BaseException, _: "TracebackType | None") -> None:
    write_end(f"{kind.__name__}: {error}", error)


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
