"""The installation that is scaled: two pods of each part that may have several, and four small models."""

from tests.cluster.cluster import Cluster
from tests.e2e.chaos.stage import is_there
from tests.e2e.installed import images, models
from tests.e2e.installed.installation import Installation

NAMESPACE = "molino"
MODELS = ("homes", "rooms", "lofts", "barns")
SEVERAL = (
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "mlflow",
    "serving",
    "pgbouncer",
)
PODS = 2
MOST = 5
OF_MINIO = 4
UNREACHED_PERCENT = 1000
"""Until it is known what the first load takes."""


def values(cluster: Cluster, cpu_percent: int) -> dict[str, object]:
    """Return the values on top of the chart's own for one's own machine."""
    parts = {part: {"replicas": PODS} for part in ("apiServer", "scheduler", "dagProcessor", "triggerer")}
    scaling = {"enabled": True, "minReplicas": PODS, "maxReplicas": MOST, "cpuPercent": cpu_percent}
    named = images.values(cluster)
    return {
        **named,
        "airflow": {"parts": parts},
        "minio": {"distributed": {"enabled": True, "replicas": OF_MINIO}},
        "mlflow": {"replicas": PODS},
        "pgbouncer": {**named.get("pgbouncer", {}), "enabled": True, "replicas": PODS},
        "serving": {"autoscaling": scaling},
        "models": {name: models.small(name) for name in MODELS},
    }


def install(cluster: Cluster, cpu_percent: int = UNREACHED_PERCENT) -> Installation:
    """Return the installation once every pod is ready; one that is there is upgraded.

    Args:
        cluster: Where.
        cpu_percent: Of the processor time that a pod of serving requests, at which the autoscaler keeps it.
    """
    found = Installation(cluster, NAMESPACE, starts=20)
    if not is_there(found):
        found.make_namespace()
    found.install(values(cluster, cpu_percent))
    return found


def replicas(found: Installation) -> dict[str, int]:
    """Return how many pods each part has that may have several."""
    return {part: len(found.component_pods(part)) for part in (*SEVERAL, "minio")}
