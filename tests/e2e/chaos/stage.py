"""The installation that is broken: small models, each with a version in service before the first break."""

import yaml

from tests.cluster.cluster import Cluster
from tests.cluster.commands import succeeds
from tests.cluster.phases import phase
from tests.e2e.chaos import signing
from tests.e2e.chaos.disks import Disk
from tests.e2e.installed import images, models
from tests.e2e.installed.installation import Installation

NAMESPACE = "molino"
MODELS = ("homes", "rooms")
"""Trained and deployed while something breaks."""
STARTS = 1000
"""Of one container: here it is what breaks that has them start."""
DISKS = ("postgres", "minio")
"""Components whose volumes are small disks of their own, where the node is this machine's."""
TIGHT = "tight"
"""One whose train step has less memory than it takes."""
TIGHT_MEMORY = "100Mi"


def values(cluster: Cluster) -> dict[str, object]:
    """Return the values of the installation, on top of the chart's own for one's own machine."""
    tight = yaml.safe_load(models.small(TIGHT))
    tight.setdefault("resources", {})["train"] = {"memory": TIGHT_MEMORY}
    own = {**{name: models.small(name) for name in MODELS}, TIGHT: yaml.safe_dump(tight, sort_keys=False)}
    network = {"networkPolicies": {"enabled": True}}
    return {**images.values(cluster), **network, "serving": signing.VALUES, "models": own}


def install(cluster: Cluster) -> Installation:
    """Return the installation once every pod is ready: the one that an earlier `--keep` left, or a new one."""
    found = Installation(cluster, NAMESPACE, starts=STARTS)
    if not is_there(found):
        found.make_namespace()
        signing.make_key(found)
        if not cluster.in_docker:
            for component in DISKS:
                Disk.of(cluster, component).make(found)
    with phase("helm install, until every pod is ready"):
        found.install(values(cluster))
    return found


def is_there(installation: Installation) -> bool:
    """Tell whether the release is installed."""
    place = ["--namespace", installation.namespace, "--kubeconfig", installation.cluster.kubeconfig]
    return succeeds([installation.cluster.program("helm"), "status", installation.release, *place])
