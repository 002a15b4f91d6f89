"""The installation whose alerts ring: with its own Prometheus, and with alerts that wait for seconds, not for hours."""

from dataclasses import dataclass
from typing import Any

import yaml

from charts.monitoring.__main__ import GROUPS
from charts.monitoring.parts import alerts
from tests.cluster.cluster import Cluster
from tests.e2e.chaos.disks import Disk
from tests.e2e.installed import images, models
from tests.e2e.installed.installation import Installation
from tests.e2e.watching import stage as watching

NAMESPACE = "alerts"
STARTS = 50
"""Of one container: here it is causes that have them start."""
MODEL, OTHER, ASKED = watching.MODEL, "rooms", "flats"
"""The one that most is done to, one beside it, and one whose releases a person must approve."""
PARTS = ("pipelines", "airflow", "mlflow", "postgres", "kubernetes", "prometheus")
LASTING = "15s"
"""How long what is wrong must last here, of all alerts for which it must last at all."""
LONGER = {"MolinoReleasePutBack": "1m"}
"""Longer than a deploy step takes, for which it is as if its release had been put back."""
THRESHOLDS = {
    "MolinoApprovalWaiting": 0.02,
    "MolinoRunStuck": 0.02,
    "MolinoRunLate": 0.03,
    "MolinoModelOld": 0.008,
}
"""Instead of hours and days: 72 seconds of a day or six hours, 108 of the two hours after which a run is late at the
earliest, twelve minutes of 45 days."""
POOL = "narrow"
"""A pool of one slot, for all steps."""
DISK = "minio"
"""The component whose volume is a small disk of its own."""
NOWHERE, KEYS = "http://127.0.0.1:9", "nowhere"
"""An S3 that doesn't answer, and the Secret with its keys."""
PROMETHEUS = "molino-monitoring-prometheus"
"""Its service account."""


@dataclass(frozen=True)
class Ailing(Installation):
    """One whose backups fail: that keeps it from being ready for nobody."""

    def unready(self) -> list[str]:
        """Return what lacks, but for backups."""
        return [one for one in super().unready() if not one.startswith(f"Job {self.name('backup')}")]


def changes() -> dict[str, dict[str, Any]]:
    """Return what is changed of alerts."""
    lasting = {
        alert.name: {"for": LONGER.get(alert.name, LASTING)} for alert in alerts(GROUPS) if alert.lasting != "0m"
    }
    return {
        name: lasting.get(name, {}) | ({"threshold": THRESHOLDS[name]} if name in THRESHOLDS else {})
        for name in sorted(lasting.keys() | THRESHOLDS.keys())
    }


def approved() -> str:
    """Return a model file whose releases wait for a person."""
    found = yaml.safe_load(models.small(OTHER)) | {"name": ASKED}
    found["gate"] |= {"approval": "required"}
    return yaml.safe_dump(found, sort_keys=False)


def values(cluster: Cluster, well: bool) -> dict[str, Any]:
    """Return the values of the installation.

    Args:
        cluster: Where it is.
        well: Whether backups and the log arrive, and all model files can be read.
    """
    own = images.values(cluster)
    watched = watching.switched_on(own, PARTS)
    nowhere = {"destination": {"endpoint": NOWHERE}, "auth": {"existingSecret": KEYS}}
    kept = {MODEL: watching.model(), OTHER: models.small(OTHER), ASKED: approved()}
    return {
        **own,
        "models": kept if well else {**kept, models.WRONG: models.wrong()},
        "airflow": {"pools": {POOL: {"slots": 1}}},
        "steps": {"task": {"pool": POOL}},
        "monitoring": {
            **watched,
            "prometheus": {**watched["prometheus"], "scrapeConfigs": [kubelet(cluster)]},
            "monitors": {"interval": watching.INTERVAL},
            "rules": {"alerts": changes()},
        },
        "backup": {"enabled": True, "config": {"schedule": "* * * * *"}, **({} if well else nowhere)},
        "postgres": {**own.get("postgres", {}), "archive": {"enabled": True, "timeoutSeconds": 20}},
    }


def kubelet(cluster: Cluster) -> dict[str, Any]:
    """Return the job that scrapes the kubelet of each node, which knows how full volumes are."""
    nodes = cluster.kubectl.get("nodes")["items"]
    addresses = [one["address"] for node in nodes for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    return {
        "job_name": "kubelet",
        "scheme": "https",
        "honor_labels": True,
        "authorization": {"credentials_file": f"{account}/token"},
        "tls_config": {"ca_file": f"{account}/ca.crt"},
        "static_configs": [{"targets": [f"{address}:10250" for address in addresses]}],
    }


def rights() -> list[dict[str, Any]]:
    """Return the right to read the kubelets' figures, in the whole cluster, and who has it."""
    group, name = "rbac.authorization.k8s.io", f"{NAMESPACE}-kubelets"
    rule = {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]}
    account = {"kind": "ServiceAccount", "name": PROMETHEUS, "namespace": NAMESPACE}
    return [
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": [rule]},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [account],
        },
    ]


def install(cluster: Cluster, well: bool = False) -> Installation:
    """Return the installation, ready: a new one, or with other values the one that is there."""
    found = Ailing(cluster, NAMESPACE, starts=STARTS)
    if not well:
        found.make_namespace()
        keys = [f"--from-literal={key}=none-at-all" for key in ("access-key", "secret-key")]
        found.kubectl("create", "secret", "generic", KEYS, *keys)
        cluster.kubectl.apply(yaml.safe_dump_all(rights()))
        if not cluster.in_docker:
            Disk.of(cluster, DISK).make(found)
    found.install(values(cluster, well))
    return found
