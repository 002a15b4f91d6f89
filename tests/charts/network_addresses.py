"""What pods of the rendered chart are told to ask: the addresses in their variables, and the pods behind them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from network_policies import End
from rendering import pods

from molino.contracts.steps import STEP_NAMES
from pipelines.pods import CHANGES, NEEDED_BY, NOTICE

URL = re.compile(r"(https?)://([^\s:/\"',]+)(?::(\d+))?")
PORTS = {"http": 80, "https": 443}
OF_BROWSERS = (
    "MOLINO_PODS_MLFLOW_URL", "MOLINO_PODS_TENSORBOARD_URL", "MOLINO_PODS_AIRFLOW_URL", "MOLINO_NOTICE_MLFLOW_URL",
    "MOLINO_NOTICE_SERVING_URL",
)  # fmt: skip
OF_STEPS = "MOLINO_PODS_ENVIRONMENT"
UNUSED = {
    "airflow-migration": {"AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW_CONN_MOLINO_LOGS"},
    "airflow-user": {"AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW_CONN_MOLINO_LOGS"},
    "airflow-api-server": {"AIRFLOW__CORE__EXECUTION_API_SERVER_URL"},
    "airflow-dag-processor": {"AIRFLOW_CONN_MOLINO_LOGS"},
    "mlflow-migration": {"MLFLOW_S3_ENDPOINT_URL"},
}
"""Variables by component that are there since others share them: Jobs have the database alone, and logs of the DAG
processor stay in its pod."""
USED_BY = {
    "MOLINO_MLFLOW_TRACKING_URI": "MOLINO_MLFLOW_",
    "MOLINO_SERVING_URL": "MOLINO_API_KEY",
    "MOLINO_GIT_REMOTE": "MOLINO_GIT_",
}
"""Settings of steps that are of use with a secret alone, which some of them get."""


@dataclass(frozen=True)
class Told:
    """An address that a pod has been told."""

    component: str
    variable: str
    host: str
    port: int


def ends(documents: list[dict[str, Any]]) -> dict[str, End]:
    """Return every pod by its component, those of steps by step."""
    found = {}
    for _, _, workload in pods(documents):
        labels = workload["spec"].get("template", workload)["metadata"]["labels"]
        found[labels["app.kubernetes.io/component"]] = End(labels)
    for one in (data for data in _config(documents) if "MOLINO_PODS_LABELS" in data):
        labels = json.loads(one["MOLINO_PODS_LABELS"])
        steps = (*STEP_NAMES, *CHANGES, *([NOTICE] if "MOLINO_PODS_NOTICES" in one else []))
        found |= {f"step/{step}": End(labels | {"molino.dev/step": step}) for step in steps}
    return found


def told(documents: list[dict[str, Any]]) -> Iterator[Told]:
    """Yield every address that a pod is told and asks."""
    maps = {one["metadata"]["name"]: one.get("data") or {} for one in documents if one["kind"] == "ConfigMap"}
    for _, spec, workload in pods(documents):
        component = workload["spec"].get("template", workload)["metadata"]["labels"]["app.kubernetes.io/component"]
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            variables = {one["name"]: one.get("value", "") for one in container.get("env", [])}
            for source in container.get("envFrom", []):
                variables |= maps[source["configMapRef"]["name"]]
            yield from _of_variables(component, variables)
    for data in maps.values():
        if "MOLINO_STORE" in data and "MOLINO_NAMESPACE" in data:
            for step in (*STEP_NAMES, *CHANGES, *([NOTICE] if "MOLINO_NOTICE_EVENTS" in data else [])):
                yield from _of_variables(
                    f"step/{step}", {name: value for name, value in data.items() if _uses(step, name)}
                )


def _uses(step: str, name: str) -> bool:
    secret = USED_BY.get(name)
    return secret is None or ("deploy" if step in CHANGES else step) in NEEDED_BY[secret]


def _of_variables(component: str, variables: dict[str, str]) -> Iterator[Told]:
    if "MOLINO_DATABASE_HOST" in variables:
        port = int(variables["MOLINO_DATABASE_PORT"])
        yield Told(component, "MOLINO_DATABASE_HOST", variables["MOLINO_DATABASE_HOST"], port)
    for name, value in variables.items():
        if name not in (*OF_BROWSERS, OF_STEPS, *UNUSED.get(component, ())):
            for scheme, host, port in URL.findall(value):
                yield Told(component, name, host, int(port or PORTS[scheme]))


def target(documents: list[dict[str, Any]], address: Told) -> tuple[End, int]:
    """Return the end and the port that an address leads to: a pod's own behind a Service, else outside the cluster."""
    for service in documents:
        if service["kind"] == "Service" and service["metadata"]["name"] == address.host:
            (name,) = [one["targetPort"] for one in service["spec"]["ports"] if one["port"] == address.port]
            chosen = service["spec"]["selector"]["app.kubernetes.io/component"]
            return ends(documents)[chosen], listening(documents)[chosen][name]
    return End(namespace="", address="203.0.113.7"), address.port


def listening(documents: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Return the ports that pods listen on, by component and name."""
    found: dict[str, dict[str, int]] = {}
    for _, spec, workload in pods(documents):
        component = workload["spec"].get("template", workload)["metadata"]["labels"]["app.kubernetes.io/component"]
        for container in spec["containers"]:
            found.setdefault(component, {}).update(
                {one["name"]: one["containerPort"] for one in container.get("ports", [])}
            )
    return found


def _config(documents: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    yield from (one.get("data") or {} for one in documents if one["kind"] == "ConfigMap")
