"""Pods that the autoscaler adds, and pods that are killed."""

import json
from dataclasses import dataclass
from typing import Any

from tests.cluster.waits import until
from tests.e2e.drill import contents
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.killed import Death, kill_container

STEADY = 3
"""Samples of metrics-server, one each 15 s, that must agree."""
SPREAD = 0.1


def connections(found: Installation) -> tuple[int, int]:
    """Return how many connections Postgres has from pods of PgBouncer, and how many from others."""
    addresses = ", ".join(f"'{pod['status']['podIP']}'" for pod in found.component_pods("pgbouncer"))
    counts = f"count(*) FILTER (WHERE {{}} client_addr IN ({addresses}))"
    query = f"SELECT {counts.format('')}, {counts.format('NOT')} FROM pg_stat_activity"  # of ours
    shared, own = contents.ask(found, "postgres", query).split("|")
    return int(shared), int(own)


@dataclass(frozen=True)
class Autoscaler:
    """Serving's HorizontalPodAutoscaler."""

    installation: Installation

    def wanted(self) -> int:
        """Return how many pods it wants."""
        return int(self._status().get("desiredReplicas", 0))

    def ready(self) -> int:
        """Return how many pods are ready."""
        found = self.installation.get("deployment", self.installation.name("serving"))
        return int(found["status"].get("readyReplicas", 0))

    def steady_percent(self, limit: float = 300) -> int:
        """Return the share of the requested processor time that a pod takes, once samples of it agree."""
        samples: list[tuple[str, int]] = []

        def steady() -> bool:
            stamp, percent = self._sample()
            if percent and (not samples or samples[-1][0] != stamp):
                samples.append((stamp, percent))
            last = [percent for _, percent in samples[-STEADY:]]
            return len(last) == STEADY and max(last) - min(last) <= max(1, SPREAD * max(last))

        until("a steady load", steady, limit, interval=1)
        return round(sum(percent for _, percent in samples[-STEADY:]) / STEADY)

    def _sample(self) -> tuple[str, int]:
        """Return the moment of metrics-server's last sample of a pod, and the share, 0 where there is none."""
        found = self.installation.cluster.kubectl(
            "get", "--raw", f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.installation.namespace}/pods"
        )
        stamps = [item["timestamp"] for item in json.loads(found)["items"] if "serving" in item["metadata"]["name"]]
        for metric in self._status().get("currentMetrics") or []:
            percent = metric.get("containerResource", {}).get("current", {}).get("averageUtilization")
            if percent:
                return max(stamps, default=""), int(percent)
        return "", 0

    def _status(self) -> dict[str, Any]:
        found = self.installation.get("horizontalpodautoscaler", self.installation.name("serving"))
        return dict(found.get("status", {}))


def is_replaced(installation: Installation, component: str, name: str) -> bool:
    """Tell whether a killed pod has started its container again, or is gone."""
    left = [one for one in installation.component_pods(component) if one["metadata"]["name"] == name]
    return not left or left[0]["status"]["containerStatuses"][0]["restartCount"] > 0


def kill(installation: Installation, component: str) -> tuple[str, Death]:
    """Kill a container of a part by KILL; return its pod's name, and when that was."""
    pod = next(one for one in installation.component_pods(component) if "deletionTimestamp" not in one["metadata"])
    return str(pod["metadata"]["name"]), kill_container(installation, pod)
