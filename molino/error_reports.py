"""Errors of the server and the steps for Sentry, where `MOLINO_SENTRY_DSN` says so: what failed and where in the code.

What an error says may quote a row or an address, so its text stays behind, as do variables, requests and who asked: the
log has it, found by the run or request that goes along.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from molino import __version__
from molino.contracts.errors import SettingsError
from molino.contracts.loopback import is_loopback

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint
    from structlog.typing import EventDict, WrappedLogger

VARIABLE = "MOLINO_SENTRY_DSN"
LEVELS = frozenset({"error", "critical"})
TAGS = ("model", "version", "step", "run_id", "request_id", "trace_id", "span_id")
"""What of a log line goes along: names, none of which is a caller's or a row's."""
KEPT = ("event_id", "timestamp", "platform", "level", "release", "server_name", "tags", "contexts", "sdk", "logentry")
CONTEXTS = ("runtime",)
FLUSH_SECONDS = 3


def open_reports() -> bool:
    """Set up Sentry's client where an address is given; tell whether one is.

    Raises:
        SettingsError: the address is none that Sentry gives out.
    """
    address = os.environ.get(VARIABLE)
    if not address:
        return False
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.utils import BadDsn

    # An empty proxy is none: what listens on this machine is asked directly.
    proxy = "" if is_loopback(_host_of(address)) else None
    try:
        sentry_sdk.init(
            dsn=address,
            release=f"molino@{__version__}",
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[AtexitIntegration(callback=lambda *_: None)],
            include_local_variables=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            send_default_pii=False,
            before_send=_reduce,
            http_proxy=proxy,
            https_proxy=proxy,
            shutdown_timeout=FLUSH_SECONDS,
        )
    except BadDsn as error:
        raise SettingsError(f"{VARIABLE}: expected an address such as https://key@sentry.example/1") from error
    return True


def report_line(_: "WrappedLogger", __: str, event: "EventDict") -> "EventDict":
    """Report a log line that tells of an error; a processor of structlog."""
    if event.get("level") in LEVELS:
        cause = event.get("exc_info")
        if cause is True or isinstance(cause, tuple):
            cause = (sys.exc_info() if cause is True else cause)[1]
        _report(str(event.get("event")), cause if isinstance(cause, BaseException) else None, event)
    return event


@contextmanager
def reporting(**told: str) -> Iterator[None]:
    """Report what ends a process, with names such as its step's and its run's."""
    try:
        yield
    except Exception as error:
        if os.environ.get(VARIABLE):
            import sentry_sdk

            _report("ended by an error", error, told)
            sentry_sdk.flush(FLUSH_SECONDS)
        raise


def _report(message: str, cause: BaseException | None, told: "EventDict | dict[str, str]") -> None:
    import sentry_sdk

    with sentry_sdk.new_scope() as scope:
        for tag in TAGS:
            if tag in told:
                scope.set_tag(tag, str(told[tag]))
        if cause is None:
            scope.capture_message(message, "error")
        else:
            scope.set_tag("event", message)
            scope.capture_exception(cause)


def _reduce(event: "Event", _: "Hint") -> "Event":
    """Return what goes: of an exception its type and its place in the code, not what it says."""
    found: dict[str, Any] = dict(event)
    kept = {name: found[name] for name in (*KEPT, "message") if name in found}
    kept["contexts"] = {name: told for name, told in found.get("contexts", {}).items() if name in CONTEXTS}
    values = [
        {"type": value.get("type"), "module": value.get("module"), "stacktrace": value.get("stacktrace"), "value": ""}
        for value in found.get("exception", {}).get("values", ())
    ]
    return {**kept, **({"exception": {"values": values}} if values else {})}  # type: ignore[typeddict-item]


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
