"""One trace per pipeline run, for OpenTelemetry: a span per step, sent by OTLP over HTTP where an address is given.

The JSON form of OTLP 1.x needs nothing beyond what each step has; OpenTelemetry's own SDK and exporter would weigh 6 MB
in each image and half a second in each step.
"""

import hashlib
import json
import os
import secrets
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from structlog.contextvars import bind_contextvars, get_contextvars

from molino import __version__
from molino.contracts.address import Address, without_credentials
from molino.contracts.settings import Settings
from molino.contracts.trace_context import Place, read_traceparent

PATH = "/v1/traces"
SEND_SECONDS = 3.0
"""A step waits for no longer, and a span that can't be sent is lost."""
INTERNAL = 1
"""OTLP's SpanKind."""
FINE, FAILED = 1, 2
"""Codes of OTLP's Status."""


@dataclass
class Span:
    """Work that has begun."""

    name: str
    place: Place
    parent: str | None
    """Span id of the one that it is part of."""
    attributes: dict[str, str | int | float | bool] = field(default_factory=dict)
    began: int = field(default_factory=time.time_ns)


def run_place(model: str, run_id: str) -> Place:
    """Return the place of a run as a whole: the same for each of its steps and tries, wherever they run."""
    digest = hashlib.sha256(f"{model}/{run_id}".encode()).hexdigest()
    return Place(digest[:32], digest[32:48])


@contextmanager
def step_span(settings: Settings, model: str, run_id: str, step: str) -> Iterator[Span | None]:
    """Tell of a step what it is part of, how long it took and how it ended; its log lines name the trace.

    It is part of the task that `MOLINO_TRACEPARENT` names, or else of its run. Nothing is done without an address. The
    lines that tell of the process' end name the trace too, so it is bound for good.
    """
    parent = read_traceparent(settings.traceparent or "") or run_place(model, run_id)
    if settings.otlp_endpoint is None or not parent.sampled:
        yield None
        return
    attributes: dict[str, str | int | float | bool] = {
        "molino.model": model, "molino.run_id": run_id, "molino.step": step,
    }  # fmt: skip
    span = Span(step, Place(parent.trace_id, _new_id()), parent.span_id, attributes)
    bind_contextvars(trace_id=span.place.trace_id, span_id=span.place.span_id)
    with _sending(settings.otlp_endpoint, span):
        yield span


@contextmanager
def run_span(settings: Settings, model: str, run_id: str) -> Iterator[None]:
    """Tell of a whole run on this machine, whose steps are parts of it; a resumed run is told of again."""
    if settings.otlp_endpoint is None:
        yield
        return
    span = Span(f"run {model}", run_place(model, run_id), None, {"molino.model": model, "molino.run_id": run_id})
    with _sending(settings.otlp_endpoint, span):
        yield


@contextmanager
def _sending(endpoint: Address, span: Span) -> Iterator[None]:
    """Send a span when its work has ended, well or not."""
    try:
        yield
    except BaseException as error:
        _send(endpoint, span, error)
        raise
    _send(endpoint, span, None)


def outgoing() -> dict[str, str]:
    """Return the header by which a request is part of the step that sends it; none without a trace."""
    bound = get_contextvars()
    if "trace_id" not in bound:
        return {}
    return {"traceparent": Place(bound["trace_id"], bound["span_id"]).traceparent}


def _send(endpoint: Address, span: Span, error: BaseException | None) -> None:
    """Send a span; what fails here is logged and never ends a step."""
    import urllib3

    body = json.dumps(request(span, error, time.time_ns())).encode()
    headers = {"Content-Type": "application/json", **endpoint.authorization}
    cause = ""
    try:
        with urllib3.PoolManager(retries=False, timeout=SEND_SECONDS) as pool:
            status = pool.request("POST", endpoint.rstrip("/") + PATH, body=body, headers=headers).status
        cause = "" if status < 300 else f"it answers {status}"
    except (urllib3.exceptions.HTTPError, ValueError) as fault:
        cause = str(fault).rpartition(": ")[2]
    if cause:
        structlog.get_logger().warning("the span is lost", endpoint=str(endpoint), cause=cause)


def request(span: Span, error: BaseException | None, ended: int) -> dict[str, object]:
    """Return a span as OTLP's ExportTraceServiceRequest, in JSON.

    Args:
        span: what has ended.
        error: what ended it; none where it went well.
        ended: nanoseconds since 1970.
    """
    told: dict[str, object] = {
        "traceId": span.place.trace_id,
        "spanId": span.place.span_id,
        "name": span.name,
        "kind": INTERNAL,
        "startTimeUnixNano": str(span.began),
        "endTimeUnixNano": str(ended),
        "attributes": _attributes(span.attributes),
        "status": {"code": FINE} if error is None else {"code": FAILED, "message": without_credentials(str(error))},
    }
    if span.parent:
        told["parentSpanId"] = span.parent
    if error is not None:
        told["events"] = [{"name": "exception", "timeUnixNano": str(ended), "attributes": _attributes(_told(error))}]
    resource = {
        "service.name": f"molino-{span.attributes.get('molino.step', 'run')}",
        "service.version": __version__,
        "host.name": os.uname().nodename,
    }
    scope = {"name": "molino", "version": __version__}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [{"scope": scope, "spans": [told]}],
            }
        ]
    }


def _told(error: BaseException) -> dict[str, str | int | float | bool]:
    return {
        "exception.type": type(error).__qualname__,
        "exception.message": without_credentials(str(error)),
        "exception.stacktrace": without_credentials("".join(traceback.format_exception(error))),
    }


def _attributes(named: Mapping[str, str | int | float | bool]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(value)} for key, value in named.items()]


def _value(value: str | int | float | bool) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def _new_id() -> str:
    return secrets.token_hex(8)
