"""Log records and spans as OTLP has them in JSON, and what of them belongs together."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

STEP_POD = "base"
"""The container of a step's pod, as Airflow's operator names it."""


@dataclass(frozen=True)
class Line:
    """A line of a container's log."""

    component: str
    """The container; of a step's pod, the step."""
    pod: str
    body: str
    fields: Mapping[str, str]
    trace_id: str

    def names(self, text: str) -> bool:
        """Tell whether the line has this in it."""
        return text in self.body


@dataclass(frozen=True)
class Span:
    """A span, with the service that sent it."""

    trace_id: str
    span_id: str
    parent: str
    name: str
    service: str
    fields: Mapping[str, str]


def lines(messages: Iterable[dict[str, Any]]) -> list[Line]:
    """Return the log records of messages."""
    found = []
    for resource in _all(messages, "resourceLogs"):
        place = fields(resource["resource"])
        for record in _all(resource["scopeLogs"], "logRecords"):
            known = fields(record)
            container = place.get("k8s.container.name", "")
            found.append(
                Line(
                    component=known.get("step", container) if container == STEP_POD else container,
                    pod=place.get("k8s.pod.name", ""),
                    body=str(record["body"].get("stringValue", "")),
                    fields=known,
                    trace_id=record.get("traceId", ""),
                )
            )
    return found


def spans(messages: Iterable[dict[str, Any]]) -> list[Span]:
    """Return the spans of messages."""
    return [
        Span(
            trace_id=span["traceId"],
            span_id=span["spanId"],
            parent=span.get("parentSpanId", ""),
            name=span["name"],
            service=fields(resource["resource"]).get("service.name", ""),
            fields=fields(span),
        )
        for resource in _all(messages, "resourceSpans")
        for span in _all(resource["scopeSpans"], "spans")
    ]


def trace_of(found: Iterable[Span], run_id: str, step: str) -> list[Span]:
    """Return all spans of the trace in which a step of a run is, nothing where the step has sent none."""
    every = list(found)
    wanted = {"molino.run_id": run_id, "molino.step": step}
    traces = {span.trace_id for span in every if wanted.items() <= span.fields.items()}
    return [span for span in every if span.trace_id in traces]


def unrooted(trace: Iterable[Span]) -> list[str]:
    """Return the names of spans whose parent isn't in their trace, but for the first."""
    every = list(trace)
    known = {span.span_id for span in every}
    return [span.name for span in every if span.parent and span.parent not in known]


def by_component(found: Iterable[Line]) -> str:
    """Return how many lines each component has written."""
    return ", ".join(f"{name} {count}" for name, count in sorted(Counter(line.component for line in found).items()))


def fields(told: Mapping[str, Any]) -> dict[str, str]:
    """Return the attributes of a record, a span or a resource by name."""
    return {one["key"]: str(next(iter(one["value"].values()), "")) for one in told.get("attributes", ())}


def _all(messages: Iterable[Mapping[str, Any]], key: str) -> list[dict[str, Any]]:
    return [one for message in messages for one in message.get(key, ())]
