"""What is watched: an installation with its own Prometheus and Alertmanager, and what takes Alertmanager's messages."""

import json
from typing import Any

import yaml

from images.build import address, version
from tests.cluster.cluster import Cluster
from tests.e2e.installed import images, models
from tests.e2e.installed.installation import Installation

NAMESPACE = "watching"
MODEL = "homes"
PARTS = ("pipelines", "airflow", "mlflow", "postgres", "kubernetes", "prometheus", "alertmanager")
"""What of the chart's `monitoring` is on."""
INTERVAL = "15s"
RECEIVER, PORT = "receiver", 8080
TAKE = f"""
import http.server

class Taker(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
        self.send_response(200)
        self.end_headers()

http.server.HTTPServer(("", {PORT}), Taker).serve_forever()
"""


def values(cluster: Cluster) -> dict[str, Any]:
    """Return the values of the installation, beside those for one's own machine."""
    own = images.values(cluster)
    named: dict[str, Any] = own.get("monitoring", {})
    return {
        **own,
        "networkPolicies": {"enabled": True, "to": {"notices": {"ports": [PORT]}}},
        "models": {MODEL: models.small(MODEL)},
        "monitoring": {
            **{part: {"enabled": True, **named.get(part, {})} for part in PARTS},
            "monitors": {"interval": INTERVAL},
        },
        "notices": {"enabled": True, "webhook": {"enabled": True}, "auth": {"existingSecret": RECEIVER}},
        "backup": {"enabled": True},
        "postgres": {**own.get("postgres", {}), "archive": {"enabled": True}},
    }


def installation(cluster: Cluster) -> Installation:
    """Return a new installation, ready, with what takes the messages beside it."""
    found = Installation(cluster, NAMESPACE, starts=20)
    found.make_namespace()
    found.kubectl("create", "secret", "generic", RECEIVER, f"--from-literal=webhook-url=http://{RECEIVER}:{PORT}/")
    found.cluster.kubectl.apply(yaml.safe_dump_all(receiver(cluster)))
    found.install(values(cluster))
    return found


def receiver(cluster: Cluster) -> list[dict[str, Any]]:
    """Return a pod that writes what is posted to it into its log, and its Service."""
    place = {"name": RECEIVER, "namespace": NAMESPACE, "labels": {"app": RECEIVER}}
    container = {
        "name": RECEIVER,
        "image": address("operations", "" if cluster.in_docker else "localhost/", version()),
        "command": ["python", "-c", TAKE],
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


def told(found: Installation) -> set[str]:
    """Return the alerts that Alertmanager has posted as ringing."""
    messages = [json.loads(line) for line in found.kubectl("logs", RECEIVER).splitlines() if line.startswith("{")]
    alerts = [one for message in messages for one in message.get("alerts", [])]
    return {one["labels"]["alertname"] for one in alerts if one["status"] == "firing"}
