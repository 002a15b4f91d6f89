"""JSON logs, traces and the collector by values."""

from typing import Any

import pytest
import yaml
from rendering import CHART, helm, options, pods, render

ENDPOINT = "telemetry.endpoint=http://tempo.monitoring:4318"
COLLECTOR = ("telemetry.traces=true", "telemetry.collector.enabled=true", ENDPOINT)
POD_LOGS = (*COLLECTOR, "telemetry.collector.podLogs=true")


def data(documents: list[dict[str, Any]], name: str) -> dict[str, str]:
    """Return what is in a ConfigMap."""
    found: dict[str, str] = next(
        one["data"] for one in documents if one["kind"] == "ConfigMap" and one["metadata"]["name"] == name
    )
    return found


def config(documents: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(data(documents, "molino-collector")["collector.yaml"])
    return found


def collector(documents: list[dict[str, Any]]) -> dict[str, Any]:
    kinds = ("Deployment", "DaemonSet")
    return next(one for one in documents if one["kind"] in kinds and one["metadata"]["name"] == "molino-collector")


def refusal(*settings: str) -> str:
    return helm("template", "molino", CHART, *options("defaults", *settings)).stderr


@pytest.fixture(scope="module")
def sent_on() -> list[dict[str, Any]]:
    return render("defaults", *COLLECTOR, "telemetry.jsonLogs=true", "networkPolicies.enabled=true")


@pytest.fixture(scope="module")
def with_pod_logs() -> list[dict[str, Any]]:
    exporter = "telemetry.collector.logs.otlp_http.endpoint=http://loki.monitoring:3100/otlp"
    return render("defaults", *POD_LOGS, exporter, "podSecurity.standard=any")


def test_by_default_nothing_is_sent() -> None:
    documents = render("defaults")
    assert "MOLINO_OTLP_ENDPOINT" not in data(documents, "molino-steps")
    assert "AIRFLOW__TRACES__OTEL_ON" not in data(documents, "molino-airflow")
    assert not [one for one in documents if one["metadata"]["name"] == "molino-collector"]


def test_steps_and_airflow_send_to_the_collector(sent_on: list[dict[str, Any]]) -> None:
    airflow = data(sent_on, "molino-airflow")
    assert data(sent_on, "molino-steps")["MOLINO_OTLP_ENDPOINT"] == "http://molino-collector:4318"
    assert airflow["AIRFLOW__TRACES__OTEL_ON"] == "True"
    assert airflow["OTEL_TRACES_EXPORTER"] == "otlp_proto_http"
    assert airflow["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == "http://molino-collector:4318/v1/traces"


def test_without_a_collector_they_send_to_the_endpoint() -> None:
    documents = render("defaults", "telemetry.traces=true", f"{ENDPOINT}/")
    assert data(documents, "molino-steps")["MOLINO_OTLP_ENDPOINT"] == "http://tempo.monitoring:4318/"
    airflow = data(documents, "molino-airflow")
    assert airflow["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == "http://tempo.monitoring:4318/v1/traces"


def test_every_component_that_can_writes_json(sent_on: list[dict[str, Any]]) -> None:
    containers = {container["name"]: container for _, pod, _ in pods(sent_on) for container in pod["containers"]}
    assert data(sent_on, "molino-airflow")["AIRFLOW__LOGGING__JSON_LOGS"] == "True"
    assert data(sent_on, "molino-steps")["MOLINO_LOG_FORMAT"] == "json"
    assert {"name": "MOLINO_LOG_FORMAT", "value": "json"} in containers["serving"]["env"]
    assert "--json" in containers["minio"]["args"]


def test_spans_may_go_to_the_collector_and_on(sent_on: list[dict[str, Any]]) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in sent_on if one["kind"] == "NetworkPolicy"}
    ports = {
        name: {port["port"] for rule in policy.get("egress", ()) for port in rule.get("ports", ())}
        for name, policy in policies.items()
    }
    assert 4318 in ports["molino-step"]
    assert 4318 in ports["molino-airflow-scheduler"]
    assert 4318 in ports["molino-collector"]


def test_traces_that_nobody_takes_are_refused() -> None:
    assert "telemetry.traces: nobody takes them" in refusal("telemetry.traces=true")


def test_a_collector_that_sends_nowhere_is_refused() -> None:
    assert "telemetry.collector.traces: it is to go nowhere" in refusal("telemetry.collector.enabled=true")


def test_pod_logs_want_more_than_the_restricted_standard() -> None:
    assert "Pod Security restricted refuses it" in refusal(*POD_LOGS)


def test_pod_logs_are_read_on_every_node_and_of_this_namespace_alone(with_pod_logs: list[dict[str, Any]]) -> None:
    receiver = config(with_pod_logs)["receivers"]["file_log"]
    assert collector(with_pod_logs)["kind"] == "DaemonSet"
    assert receiver["include"] == ["/var/log/pods/molino_*/*/*.log"]
    assert receiver["exclude"] == ["/var/log/pods/molino_molino-collector-*/*/*.log"]


def test_traces_and_logs_go_to_exporters_of_their_own(with_pod_logs: list[dict[str, Any]]) -> None:
    found = config(with_pod_logs)
    pipelines = found["service"]["pipelines"]
    endpoints = {name: exporter["endpoint"] for name, exporter in found["exporters"].items()}
    assert [endpoints[name] for name in pipelines["traces"]["exporters"]] == ["http://tempo.monitoring:4318"]
    assert [endpoints[name] for name in pipelines["logs"]["exporters"]] == ["http://loki.monitoring:3100/otlp"]
