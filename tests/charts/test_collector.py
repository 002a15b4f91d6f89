"""The chart's two configurations of OpenTelemetry's collector, by a real one."""

import json
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from programs import find
from rendering import render
from span_receiver import SpanReceiver, attributes

from tests.cluster.waits import until

LIMIT = 30.0
FATAL, DELTA = 21, 1
"""OpenTelemetry's numbers of that severity, and of counters that tell what came since the last time."""
METRICS = ("monitoring.airflow.enabled=true",)
TELEMETRY = ("telemetry.collector.enabled=true", "telemetry.traces=true")
POD_LOGS = ("telemetry.collector.podLogs=true", "podSecurity.standard=any")
ENDPOINT = ("telemetry.endpoint=http://tempo.monitoring:4318",)
TEMPO = ("telemetry.collector.traces.otlp_http.endpoint=http://tempo.monitoring:4318",)
LOKI = ("telemetry.collector.logs.otlp_http/loki.endpoint=http://loki.monitoring:3100/otlp",)
SECOND = ("telemetry.collector.traces.otlp_http/second.endpoint=https://traces.example.com",)
HEADERS = ("telemetry.collector.traces.otlp_http.headers.authorization=${env:TOKEN}",)
WAYS = {
    "Airflow's metrics": METRICS,
    "traces to the endpoint": (*TELEMETRY, *ENDPOINT),
    "traces to an exporter": (*TELEMETRY, *TEMPO),
    "traces to two exporters": (*TELEMETRY, *TEMPO, *SECOND),
    "traces with a token of the environment": (*TELEMETRY, *TEMPO, *HEADERS),
    "logs and traces to the endpoint": (*TELEMETRY, *POD_LOGS, *ENDPOINT),
    "logs to an exporter, traces to the endpoint": (*TELEMETRY, *POD_LOGS, *ENDPOINT, *LOKI),
    "logs and traces to exporters": (*TELEMETRY, *POD_LOGS, *TEMPO, *SECOND, *LOKI),
}
BROKEN = {
    "another component": ("file_log:", "file_logs:"),
    "another setting": ("start_at:", "starts_at:"),
    "a condition that is none": ('body matches "^{"', 'body matches "^{'),
    "an operator that there isn't": ("type: json_parser", "type: json_reader"),
    "a limit that is none": ("limit_percentage: 80", "limit_percentage: 800"),
    "a pipeline without its exporter": ("  otlp_http/logs-loki:", "  otlp_http/logs:"),
}
POD = "molino_molino-serving-7d4b9c-x2v5z_3f0e8a52-7f0e-4c3e-9a51-8d1f2c1b7a10"
TRACE, SPAN = "a" * 32, "b" * 16
LINES = (
    json.dumps({"event": "answered", "level": "critical", "request_id": "r1", "trace_id": TRACE, "span_id": SPAN}),
    "LOG:  database system is ready to accept connections",
    "{not JSON",
)


def text(settings: tuple[str, ...], folder: Path) -> str:
    """Return the one configuration that these settings render, which keeps its places in a folder."""
    configs = [
        one["data"]["collector.yaml"]
        for one in render("defaults", *settings)
        if "collector.yaml" in one.get("data", {})
    ]
    (found,) = configs
    return str(found).replace("/var/lib/molino-collector", str(folder))


def validate(config: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Ask the collector what it says of a configuration."""
    file = folder / "collector.yaml"
    file.write_text(config)
    return subprocess.run([program(), "validate", f"--config={file}"], capture_output=True, text=True, check=False)


def program() -> Path:
    return find("otelcol", "python -m tests.cluster program collector")


@pytest.mark.parametrize("settings", WAYS.values(), ids=WAYS)
def test_what_the_chart_renders_is_taken(settings: tuple[str, ...], tmp_path: Path) -> None:
    done = validate(text(settings, tmp_path), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_another_configuration_is_refused(change: tuple[str, str], tmp_path: Path) -> None:
    config = text(WAYS["logs and traces to exporters"], tmp_path)
    assert change[0] in config
    assert validate(config.replace(*change), tmp_path).returncode == 1


class Receiver(SpanReceiver):
    """Takes logs too."""

    paths = ("/v1/traces", "/v1/logs")

    @property
    def records(self) -> dict[str, dict[str, Any]]:
        """Log records by their body, each with its resource's attributes as `resource`."""
        found = [
            {**record, "resource": attributes(resource["resource"])}
            for told in self.requests
            for resource in told.get("resourceLogs", ())
            for scope in resource["scopeLogs"]
            for record in scope["logRecords"]
        ]
        return {record["body"]["stringValue"]: record for record in found}


@contextmanager
def running(config: dict[str, Any], folder: Path) -> Iterator[int]:
    """Run the collector, and return the port where it takes spans and metrics."""
    port = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"] = free()
    file = folder / "collector.yaml"
    file.write_text(yaml.safe_dump(config))
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen([program(), f"--config={file}"], stderr=log)
        try:
            yield int(port.rpartition(":")[2])
        finally:
            process.terminate()
            process.wait(LIMIT)
            log.seek(0)
            print(log.read())


def free() -> str:
    """Return an address of this machine with a port that nobody has."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return "127.0.0.1:{1}".format(*listener.getsockname())


def send(port: int, kind: str, told: dict[str, Any]) -> bool:
    """Send what OTLP calls traces or metrics; tell whether it was taken."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/{kind}", json.dumps(told).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_lines_and_spans_arrive_and_a_line_is_read_once(tmp_path: Path) -> None:
    container = tmp_path / "pods" / POD / "serving"
    container.mkdir(parents=True)
    log = container / "0.log"
    log.write_text("".join(f"2026-11-28T10:00:0{at}.5Z stderr F {line}\n" for at, line in enumerate(LINES)))
    span = {
        "traceId": TRACE, "spanId": SPAN, "name": "train", "kind": 1,
        "startTimeUnixNano": "1", "endTimeUnixNano": "2",
    }  # fmt: skip
    with Receiver() as receiver:
        exporter = {"endpoint": str(receiver.address), "encoding": "json", "compression": "none"}
        config = yaml.safe_load(text(WAYS["logs and traces to the endpoint"], tmp_path))
        config["receivers"]["file_log"] |= {"include": [f"{tmp_path}/pods/molino_*/*/*.log"], "exclude": []}
        config["exporters"] = dict.fromkeys(config["exporters"], exporter)
        with running(config, tmp_path) as port:
            until(
                "the span taken",
                lambda: send(port, "traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}),
                LIMIT,
                interval=0.1,
            )
            until("all there", lambda: set(LINES) == set(receiver.records) and receiver.spans, LIMIT, interval=0.1)
        assert [one["name"] for one in receiver.spans] == ["train"]
        told = receiver.records[LINES[0]]
        assert (told["traceId"], told["spanId"], told["severityNumber"]) == (TRACE, SPAN, FATAL)
        assert attributes(told)["request_id"] == "r1"
        assert told["resource"]["k8s.container.name"] == "serving"
        assert told["resource"]["k8s.pod.name"] == "molino-serving-7d4b9c-x2v5z"
        receiver.requests.clear()
        with log.open("a") as file:
            file.write("2026-11-28T10:00:09.5Z stderr F later\n")
        with running(config, tmp_path):
            until("the later line there", lambda: "later" in receiver.records, LIMIT, interval=0.1)
        assert list(receiver.records) == ["later"]


def test_counters_of_airflow_keep_their_names_and_add_up_what_processes_send(tmp_path: Path) -> None:
    config = yaml.safe_load(text(METRICS, tmp_path))
    scraped = config["exporters"]["prometheus"]["endpoint"] = free()
    with running(config, tmp_path) as port:
        for began in (1, 3):
            until("it taken", partial(send, port, "metrics", counted(began)), LIMIT, interval=0.1)
        with urllib.request.urlopen(f"http://{scraped}/metrics", timeout=LIMIT) as answer:
            lines = answer.read().decode().splitlines()
    found = [(line.split("{")[0], line.rpartition(" ")[2]) for line in lines if not line.startswith("#")]
    assert found == [("airflow_ti_finish", "2")]


def counted(began: int) -> dict[str, Any]:
    """Return what a process sends that has counted one."""
    point = {"asInt": "1", "startTimeUnixNano": str(began), "timeUnixNano": str(began + 1)}
    counter = {"dataPoints": [point], "aggregationTemporality": DELTA, "isMonotonic": True}
    resource = {"attributes": [{"key": "service.instance.id", "value": {"stringValue": f"process-{began}"}}]}
    scope = {"metrics": [{"name": "airflow.ti.finish", "sum": counter}]}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [scope]}]}
