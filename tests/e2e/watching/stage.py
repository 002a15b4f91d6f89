"""What is watched: an installation with its own Prometheus and Alertmanager, and what takes Alertmanager's messages."""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from images.build import address, version
from tests.cluster.cluster import Cluster
from tests.e2e.installed import images, models
from tests.e2e.installed.installation import Installation
from tests.e2e.watching import receiver as receiver_program

NAMESPACE = "watching"
MODEL = "homes"
PARTS = ("pipelines", "airflow", "mlflow", "postgres", "kubernetes", "prometheus", "alertmanager")
"""What of the chart's `monitoring` is on."""
INTERVAL = "15s"
RECEIVER, PORT = "receiver", 8080
RECEIVER_URL = f"http://{RECEIVER}:{PORT}"
STATE = Path(f"/var/lib/molino-collector-{NAMESPACE}-molino")
"""Where the collector keeps on the node how far it has read."""


def model() -> str:
    """Return a model file that sets wrong rows aside, however many, and refuses data that has lost most of its rows."""
    found = yaml.safe_load(models.small(MODEL))
    found["quality"] |= {"max_quarantined_share": 1.0, "checks": {"fewer_rows": {"then": "refuse"}}}
    return yaml.safe_dump(found, sort_keys=False)


def worse(found: list[models.Row]) -> None:
    """Leave nothing to learn, and break a rule in a tenth of the rows."""
    models.shuffled(found)
    for row in found[::10]:
        row["age"] = "1000"


def cut_off(found: list[models.Row]) -> None:
    """Leave a tenth of the rows."""
    del found[len(found) // 10 :]


BAD_RUNS: Mapping[str, tuple[Callable[[list[models.Row]], None], tuple[str, ...]]] = {
    "watching-worse": (worse, ("MolinoRowsSetAside", "MolinoModelRefused")),
    "watching-cut-off": (cut_off, ("MolinoDataRefused", "MolinoDagFailed")),
}
"""Runs of rows that aren't well: what was changed, and the alerts that tell of it."""


def collector(cluster: Cluster) -> dict[str, Any]:
    """Return the values by which the collector reads all pods' logs, and sends them and all spans on in JSON."""
    exporters = {"otlp_http": {"endpoint": RECEIVER_URL, "encoding": "json", "compression": "none"}}
    logs = {} if cluster.in_docker else {"podLogsDir": str(cluster.folders.pod_logs)}
    return {"enabled": True, "podLogs": True, "traces": exporters, "logs": exporters, **logs}


def switched_on(own: Mapping[str, Any], parts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return parts of the chart's `monitoring`, on, with the images that values name of them."""
    named = own.get("monitoring", {})
    return {part: {"enabled": True, **named.get(part, {})} for part in parts}


def values(cluster: Cluster) -> dict[str, Any]:
    """Return the values of the installation, beside those for one's own machine."""
    own = images.values(cluster)
    return {
        **own,
        "networkPolicies": {"enabled": True, "to": {"notices": {"ports": [PORT]}, "telemetry": {"ports": [PORT]}}},
        "models": {MODEL: model()},
        "monitoring": {
            **switched_on(own, PARTS),
            "monitors": {"interval": INTERVAL},
        },
        "telemetry": {
            "jsonLogs": True,
            "traces": True,
            "collector": {**own.get("telemetry", {}).get("collector", {}), **collector(cluster)},
        },
        "podSecurity": {"standard": "any"},
        "notices": {"enabled": True, "webhook": {"enabled": True}, "auth": {"existingSecret": RECEIVER}},
        "backup": {"enabled": True},
        "postgres": {**own.get("postgres", {}), "archive": {"enabled": True}},
    }


def installation(cluster: Cluster) -> Installation:
    """Return a new installation, ready, with what takes the messages beside it."""
    found = Installation(cluster, NAMESPACE, starts=20)
    found.make_namespace("privileged")  # The collector reads the logs of pods on their node.
    found.kubectl("create", "secret", "generic", RECEIVER, f"--from-literal=webhook-url={RECEIVER_URL}/")
    found.cluster.kubectl.apply(yaml.safe_dump_all(receiver(cluster)))
    found.install(values(cluster))
    return found


def receiver(cluster: Cluster) -> list[dict[str, Any]]:
    """Return a pod that keeps what is posted to it, and its Service."""
    place = {"name": RECEIVER, "namespace": NAMESPACE, "labels": {"app": RECEIVER}}
    container = {
        "name": RECEIVER,
        "image": address("operations", "" if cluster.in_docker else "localhost/", version()),
        "command": ["python", "-c", Path(receiver_program.__file__).read_text(), str(PORT)],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": place,
            "spec": {"containers": [container], "securityContext": security},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": place,
            "spec": {"selector": {"app": RECEIVER}, "ports": [{"port": PORT}]},
        },
    ]


def taken(found: Installation, path: str) -> list[dict[str, Any]]:
    """Return what was posted to the receiver at a path."""
    pod = f"/api/v1/namespaces/{NAMESPACE}/pods/{RECEIVER}:{PORT}/proxy{path}"
    return [json.loads(line) for line in found.kubectl("get", "--raw", pod).splitlines()]


def told(found: Installation) -> set[str]:
    """Return the alerts that Alertmanager has posted as ringing."""
    alerts = [one for message in taken(found, "/") for one in message.get("alerts", [])]
    return {one["labels"]["alertname"] for one in alerts if one["status"] == "firing"}


def clear() -> None:
    """Remove what the collector has kept on the node, where that is this machine."""
    shutil.rmtree(STATE, ignore_errors=True)
