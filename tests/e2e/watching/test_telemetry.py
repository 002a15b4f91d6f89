"""What is read of OTLP's messages, as the collector sends them."""

from typing import Any

from tests.e2e.watching.telemetry import Span, by_component, lines, spans, trace_of, unrooted


def told(**named: str) -> dict[str, Any]:
    """Return attributes; names are with underscores for dots."""
    return {
        "attributes": [{"key": name.replace("__", "."), "value": {"stringValue": text}} for name, text in named.items()]
    }


def log(container: str, body: str, **named: str) -> dict[str, Any]:
    record = {"body": {"stringValue": body}, **told(**named)}
    place = told(k8s__container__name=container, k8s__pod__name="a-pod")
    return {"resourceLogs": [{"resource": place, "scopeLogs": [{"logRecords": [record]}]}]}


def span(name: str, trace: str, parent: str = "", **named: str) -> dict[str, Any]:
    one = {"traceId": trace, "spanId": name, "parentSpanId": parent, "name": name, **told(**named)}
    place = told(service__name="airflow")
    return {"resourceSpans": [{"resource": place, "scopeSpans": [{"spans": [one]}]}]}


def test_a_line_of_a_step_is_told_by_the_step() -> None:
    found = lines([log("base", '{"step": "train"}', step="train"), log("serving", "r1"), log("serving", "r2")])
    assert by_component(found) == "serving 2, train 1"
    assert [line.names("r1") for line in found] == [False, True, False]


def test_a_trace_is_all_spans_beside_that_of_a_step() -> None:
    step = {"molino__run_id": "r1", "molino__step": "train"}
    found = spans([span("run", "t1"), span("train", "t1", "run", **step), span("other", "t2", "run")])
    assert [one.name for one in trace_of(found, "r1", "train")] == ["run", "train"]
    assert trace_of(found, "r2", "train") == []


def test_a_span_whose_parent_is_elsewhere_is_named() -> None:
    one = Span("t1", "s1", "", "run", "airflow", {})
    assert unrooted([one, Span("t1", "s2", "s1", "task", "airflow", {})]) == []
    assert unrooted([one, Span("t1", "s2", "s3", "task", "airflow", {})]) == ["task"]
