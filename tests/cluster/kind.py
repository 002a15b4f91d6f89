"""The cluster where Docker answers: kind."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.cluster import addons, binaries
from tests.cluster.commands import run, succeeds
from tests.cluster.fixtures import FIXTURES
from tests.cluster.folders import Folders
from tests.cluster.kubectl import Kubectl
from tests.cluster.phases import phase
from tests.cluster.waits import until

NAME = "molino"
ADDRESS = "127.0.0.1"
LIMIT = 180.0
CONFIG = Path(__file__).parents[2] / "kind-config.yaml"


def kind(folders: Folders) -> str:
    """Return the program."""
    return str(binaries.program(folders, "kind"))


def kubectl(folders: Folders) -> Kubectl:
    """Return the administrator's way to the cluster."""
    return Kubectl(Path("kubectl"), folders.kubeconfig)


def is_up(folders: Folders) -> bool:
    """Tell whether the cluster is there."""
    return NAME in run([kind(folders), "get", "clusters"]).split()


def up(folders: Folders) -> None:
    """Create the cluster of `kind-config.yaml`."""
    folders.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    with phase("kind create cluster"):
        names: list[str | Path] = ["--name", NAME, "--config", CONFIG, "--kubeconfig", folders.kubeconfig]
        run([kind(folders), "create", "cluster", *names, "--wait", "180s"])


def restart(folders: Folders) -> None:
    """Restart the container that is the node."""
    with phase("docker restart"):
        run(["docker", "restart", "--time", "0", f"{NAME}-control-plane"])
    until("the node ready", lambda: _answers(folders), LIMIT, interval=1)


def _answers(folders: Folders) -> bool:
    return succeeds(["kubectl", "--kubeconfig", folders.kubeconfig, "get", "--raw", "/readyz"])


def install_ingress(folders: Folders) -> None:
    """Install the tests' ingress controller: the same that the node without Docker has."""
    ingress = FIXTURES["ingress"]
    with phase("image ingress"):
        run(["docker", "build", "--tag", ingress.image, ingress.folder])
    load(folders, [ingress.image])
    with phase("ingress"):
        addons.install(kubectl(folders), ("ingress",), {"address": ADDRESS})


def load(folders: Folders, images: Iterable[str]) -> None:
    """Load images from Docker into the cluster's nodes."""
    for image in images:
        with phase(f"load {image.rpartition('/')[2]}"):
            run([kind(folders), "load", "docker-image", image, "--name", NAME])


def down(folders: Folders) -> None:
    """Delete the cluster."""
    run([kind(folders), "delete", "cluster", "--name", NAME, "--kubeconfig", folders.kubeconfig])
    shutil.rmtree(folders.node, ignore_errors=True)
