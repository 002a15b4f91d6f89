import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from span_receiver import SpanReceiver, attributes
from structlog.contextvars import clear_contextvars, get_contextvars

from molino.contracts.errors import SettingsError, SourceError
from molino.contracts.settings import Settings, load_settings
from molino.contracts.trace_context import Place, read_traceparent
from molino.traces import outgoing, run_place, run_span, step_span

TASK = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
def receiver() -> Iterator[SpanReceiver]:
    with SpanReceiver() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def _unbound() -> Iterator[None]:
    """Leave other tests no trace."""
    yield
    clear_contextvars()


def traced(receiver: SpanReceiver, **given: Any) -> Settings:
    return Settings(otlp_endpoint=receiver.address, **given)


def test_steps_and_their_run_are_one_trace(receiver: SpanReceiver) -> None:
    settings = traced(receiver)
    with run_span(settings, "housing", "r1"):
        for step in ("ingest", "version"):
            with step_span(settings, "housing", "r1", step):
                pass

    ingest, version, run = receiver.spans
    assert {span["traceId"] for span in receiver.spans} == {run_place("housing", "r1").trace_id}
    assert ingest["parentSpanId"] == version["parentSpanId"] == run["spanId"]
    assert "parentSpanId" not in run
    assert int(run["startTimeUnixNano"]) <= int(ingest["startTimeUnixNano"]) <= int(ingest["endTimeUnixNano"])


def test_a_span_says_what_it_was(receiver: SpanReceiver) -> None:
    with step_span(traced(receiver), "housing", "r1", "train"):
        pass
    (span,) = receiver.spans
    assert (span["name"], span["status"]) == ("train", {"code": 1})
    assert attributes(span) == {"molino.model": "housing", "molino.run_id": "r1", "molino.step": "train"}
    assert attributes(receiver.requests[0]["resourceSpans"][0]["resource"])["service.name"] == "molino-train"


def test_runs_of_other_models_and_other_runs_are_other_traces() -> None:
    traces = {run_place(*one).trace_id for one in (("housing", "r1"), ("penguins", "r1"), ("housing", "r2"))}
    assert len(traces) == 3


def test_a_step_is_part_of_the_task_that_started_it(receiver: SpanReceiver) -> None:
    with step_span(traced(receiver, traceparent=TASK), "housing", "r1", "train"):
        pass
    assert (receiver.spans[0]["traceId"], receiver.spans[0]["parentSpanId"]) == ("a" * 32, "b" * 16)


def test_a_task_that_is_not_sampled_has_no_span(receiver: SpanReceiver) -> None:
    with step_span(traced(receiver, traceparent=f"{TASK[:-2]}00"), "housing", "r1", "train") as span:
        assert span is None
    assert receiver.spans == []


def test_a_failed_step_says_why_without_passwords(receiver: SpanReceiver) -> None:
    with pytest.raises(SourceError), step_span(traced(receiver), "housing", "r1", "ingest"):
        raise SourceError("https://user:secret@data.example/rows.csv isn't there")
    (span,) = receiver.spans
    assert span["status"] == {"code": 2, "message": "https://data.example/rows.csv isn't there"}
    assert attributes(span["events"][0])["exception.type"] == "SourceError"
    assert "user:secret" not in json.dumps(receiver.requests)


@pytest.mark.parametrize("status", [404, 503])
def test_a_refused_span_is_a_warning(receiver: SpanReceiver, status: int) -> None:
    receiver.status = status
    with structlog.testing.capture_logs() as logs, step_span(traced(receiver), "housing", "r1", "train"):
        pass
    assert [(line["event"], line["cause"]) for line in logs] == [("the span is lost", f"it answers {status}")]


def test_a_receiver_that_is_away_is_a_warning() -> None:
    with SpanReceiver() as gone:
        settings = traced(gone)
    with structlog.testing.capture_logs() as logs, step_span(settings, "housing", "r1", "train"):
        pass
    assert [(line["event"], line["log_level"]) for line in logs] == [("the span is lost", "warning")]


def test_without_an_address_nothing_is_bound() -> None:
    with step_span(Settings(), "housing", "r1", "train") as span:
        assert span is None
    assert get_contextvars() == {}
    assert outgoing() == {}


def test_requests_of_a_step_are_part_of_it(receiver: SpanReceiver) -> None:
    with step_span(traced(receiver), "housing", "r1", "deploy"):
        sent = read_traceparent(outgoing()["traceparent"])
    assert sent == Place(receiver.spans[0]["traceId"], receiver.spans[0]["spanId"])


@pytest.mark.parametrize("address", ["collector:4318", "ftp://collector", "http://", "grpc://collector:4317"])
def test_a_wrong_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLINO_OTLP_ENDPOINT", address)
    with pytest.raises(SettingsError, match="MOLINO_OTLP_ENDPOINT: expected the URL of a server of OTLP"):
        load_settings()


def test_the_lines_and_the_span_of_a_failed_process_are_of_one_trace(receiver: SpanReceiver, tmp_path: Path) -> None:
    """The step fails by what a person can act on; all that it writes is JSON."""
    settings = {"HOME": str(tmp_path), "OTLP_ENDPOINT": receiver.address, "LOG_FORMAT": "json"}
    environment = {"PATH": "/usr/bin:/bin"} | {f"MOLINO_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "molino", "step", "version", "--model", "housing", "--run-id", "r1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    (span,) = receiver.spans
    place = {"trace_id": span["traceId"], "span_id": span["spanId"]}
    where = {"model": "housing", "run_id": "r1", "step": "version"}
    assert done.returncode == 1
    assert lines[-1].items() >= {"event": "failed", "error": span["status"]["message"], **place, **where}.items()
