"""The rules and dashboards that the chart has: current, and each alert with its runbook."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import ROOT, refusal, render

from charts.monitoring.__main__ import DASHBOARDS, GROUPS, RULES, stale
from charts.monitoring.parts import RUNBOOKS, Alert, Dashboard, alerts

ALERTS = [pytest.param(alert, id=alert.name) for alert in alerts(GROUPS)]
SECTIONS = ("## What it means", "## How to look", "## What to do")


def test_what_is_made_is_current() -> None:
    assert stale() == [], "run make monitoring"


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_runbook(alert: Alert) -> None:
    text = (ROOT / RUNBOOKS / f"{alert.name}.md").read_text()
    assert text.startswith(f"# {alert.name}\n")
    parts = re.split(r"^(## .*)$", text, flags=re.MULTILINE)
    assert parts[1::2] == list(SECTIONS)
    assert all(len(part.split()) > 5 for part in parts[2::2])


def test_a_runbook_has_an_alert() -> None:
    named = {f"{alert.name}.md" for alert in alerts(GROUPS)}
    assert {path.name for path in (ROOT / RUNBOOKS).glob("*.md")} - {"README.md"} == named


def test_no_two_rules_have_a_name() -> None:
    names = [getattr(rule, "name", "") for group in GROUPS for rule in group.rules]
    assert len(names) == len(set(names))


def rendered(kind: str, *settings: str) -> list[dict[str, Any]]:
    return [one for one in render("defaults", *settings) if one["kind"] == kind]


def test_nothing_is_watched_unless_values_say_so() -> None:
    kinds = {one["kind"] for one in render("defaults")}
    assert kinds & {"ServiceMonitor", "PodMonitor", "PrometheusRule"} == set()
    assert [one for one in rendered("ConfigMap") if "dashboard" in one["metadata"]["name"]] == []


def test_rules_are_of_the_namespace_and_lead_to_the_runbooks() -> None:
    place = "https://git.example.com/molino/"
    (made,) = rendered("PrometheusRule", "monitoring.rules.enabled=true", f"monitoring.rules.runbooks={place}")
    written = yaml.safe_load(RULES.read_text())
    links = [rule["annotations"]["runbook_url"] for group in made["spec"]["groups"] for rule in group["rules"]
             if "alert" in rule]  # fmt: skip

    assert [group["name"] for group in made["spec"]["groups"]] == [group["name"] for group in written["groups"]]
    assert links == [f"{place}{RUNBOOKS}{alert.name}.md" for alert in alerts(GROUPS)]


def test_rules_follow_the_namespace_of_the_release(tmp_path: Path) -> None:
    from rendering import CHART, helm, parse

    done = helm("template", "own", CHART, "--namespace", "team-a", "--set", "monitoring.rules.enabled=true")
    (made,) = (one for one in parse(done.stdout) if one["kind"] == "PrometheusRule")
    text = json.dumps(made["spec"])

    assert 'namespace=\\"team-a\\"' in text
    assert 'namespace=\\"molino\\"' not in text


def rules(*settings: str) -> dict[str, dict[str, Any]]:
    """Return the alerts by name, as the chart renders them for prometheus-operator."""
    (made,) = rendered("PrometheusRule", "monitoring.rules.enabled=true", *settings)
    return {rule["alert"]: rule for group in made["spec"]["groups"] for rule in group["rules"] if "alert" in rule}


def test_values_change_single_alerts_and_no_other() -> None:
    here = "monitoring.rules.alerts"
    changed = rules(
        f"{here}.MolinoModelOld.threshold=90",
        f"{here}.MolinoModelOld.for=2h",
        f"{here}.MolinoModelOld.severity=info",
        f"{here}.MolinoRowsSetAside.threshold=0.25",
        f"{here}.MolinoServingDown.for=0s",
        f"{here}.MolinoApprovalWaiting.enabled=false",
    )
    usual = rules()
    old, aside, down = (changed.pop(name) for name in ("MolinoModelOld", "MolinoRowsSetAside", "MolinoServingDown"))

    aside_before = usual.pop("MolinoRowsSetAside")

    assert old["expr"] == usual.pop("MolinoModelOld")["expr"].removesuffix("> 45") + "> 90"
    assert (old["for"], old["labels"]) == ("2h", {"severity": "info"})
    assert aside == aside_before | {"expr": aside_before["expr"].removesuffix("> 0.05") + "> 0.25"}
    assert down == usual.pop("MolinoServingDown") | {"for": "0s"}
    assert usual.pop("MolinoApprovalWaiting")
    assert changed == usual


def test_a_threshold_is_changed_of_each_alert_that_has_one() -> None:
    beyond = {alert.name: alert for alert in alerts(GROUPS) if alert.has_threshold}
    changed = rules(*(f"monitoring.rules.alerts.{name}.threshold=1e6" for name in beyond))
    found = {name: changed[name]["expr"] for name in beyond}

    assert len(beyond) > 10
    assert found == {
        name: f"{alert.value} {alert.beyond[0]} 1e6".replace("$namespace", "molino") for name, alert in beyond.items()
    }


def test_the_release_s_own_prometheus_has_the_same_rules() -> None:
    settings = ("monitoring.rules.alerts.MolinoModelOld.threshold=90", "monitoring.rules.alerts.MolinoRunStuck=null")
    (made,) = (
        one
        for one in rendered("ConfigMap", "monitoring.prometheus.enabled=true", *settings)
        if one["metadata"]["name"] == "molino-prometheus"
    )
    groups = yaml.safe_load(made["data"]["rules.yaml"])["groups"]
    assert {r["alert"]: r for group in groups for r in group["rules"] if "alert" in r} == rules(*settings)


@pytest.mark.parametrize(
    ("setting", "place", "named"),
    [
        ("MolinoModelYoung.enabled=false", "alerts'", "MolinoModelYoung"),
        ("MolinoModelRefused.threshold=2", "alerts/MolinoModelRefused'", "threshold"),
        ("MolinoModelOld.labels.team=own", "alerts/MolinoModelOld'", "labels"),
        ("MolinoModelOld.threshold=soon", "alerts/MolinoModelOld/threshold'", "soon"),
        ("MolinoModelOld.for=1 hour", "alerts/MolinoModelOld/for'", "1 hour"),
    ],
)
def test_what_cannot_be_changed_of_an_alert_is_refused(setting: str, place: str, named: str) -> None:
    told = refusal("defaults", "monitoring.rules.enabled=true", f"monitoring.rules.alerts.{setting}")
    assert f"/monitoring/rules/{place}" in told
    assert named in told


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_a_dashboard_is_where_grafanas_sidecar_looks(dashboard: Dashboard) -> None:
    found = rendered("ConfigMap", "monitoring.dashboards.enabled=true")
    (made,) = (one for one in found if one["metadata"]["name"] == f"molino-dashboard-{dashboard.name}")
    (content,) = made["data"].values()

    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(content) == dashboard.told()
    places = [tuple(panel["gridPos"].values()) for panel in dashboard.told()["panels"]]
    assert len(places) == len(set(places))


def test_a_monitor_finds_the_service_and_has_the_key() -> None:
    settings = (
        "monitoring.monitors.enabled=true",
        "monitoring.monitors.labels.release=kps",
        "monitoring.monitors.interval=15s",
    )
    monitors = {one["metadata"]["name"]: one for one in rendered("ServiceMonitor", *settings)}
    services = {one["metadata"]["name"]: one for one in rendered("Service")}
    ports = {
        name: {port["name"] for port in service["spec"]["ports"]}
        for name, monitor in monitors.items()
        for service in services.values()
        if monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    }
    (endpoint,) = monitors["molino-serving"]["spec"]["endpoints"]

    asked = {name: {end["port"] for end in monitor["spec"]["endpoints"]} for name, monitor in monitors.items()}
    assert [name for name in monitors if not asked[name] <= ports.get(name, set())] == []
    assert monitors["molino-serving"]["metadata"]["labels"]["release"] == "kps"
    assert endpoint["interval"] == "15s"
    assert endpoint["authorization"]["credentials"] == {"name": "molino-serving", "key": "api-key"}


def test_each_group_of_serving_and_each_exporter_is_scraped() -> None:
    settings = (
        *(f"monitoring.{part}.enabled=true" for part in ("monitors", "pipelines", "airflow", "mlflow", "postgres")),
        "serving.groups.big.models={housing}",
        "minio.tlsSecret=tls",
        "network.caConfigMap=ca",
    )
    documents = render("defaults", *settings)
    monitors = {one["metadata"]["name"]: one["spec"] for one in documents if one["kind"].endswith("Monitor")}
    ports = {
        one["metadata"]["name"]: [
            port["name"] for c in one["spec"]["template"]["spec"]["containers"] for port in c.get("ports", [])
        ]
        for one in documents
        if one["kind"] == "Deployment"
    }
    exporters = {"molino-pipeline-metrics", "molino-airflow-metrics", "molino-mlflow", "molino-postgres-metrics"}

    assert monitors.keys() == {"molino-serving", "molino-serving-big", "molino-minio", *exporters}
    assert all("metrics" in ports[name] for name in exporters)
    (minio,) = monitors["molino-minio"]["endpoints"]
    assert (minio["scheme"], minio["tlsConfig"]["serverName"]) == ("https", "molino-minio")


def test_no_service_leads_to_the_metrics_of_mlflow() -> None:
    """The ingress has its path through the Service, which knows the port of pages alone."""
    documents = render("defaults", "monitoring.mlflow.enabled=true", "monitoring.monitors.enabled=true")
    (service,) = (one for one in documents if (one["kind"], one["metadata"]["name"]) == ("Service", "molino-mlflow"))
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"]
    settings = (
        "mlflow.enabled=false",
        "mlflow.externalUrl=https://mlflow.example.com",
        "mlflow.auth.existingSecret=own",
    )
    external = render("defaults", "monitoring.mlflow.enabled=true", "monitoring.monitors.enabled=true", *settings)
    assert [one for one in external if one["kind"] == "PodMonitor"] == []


def test_what_reads_of_airflow_is_not_there_without_it() -> None:
    settings = [f"monitoring.{part}.enabled=true" for part in ("monitors", "pipelines", "airflow", "postgres")]
    documents = render("defaults", "airflow.enabled=false", *settings)
    assert [one["metadata"]["name"] for one in documents if one["kind"] == "PodMonitor"] == ["molino-postgres-metrics"]
