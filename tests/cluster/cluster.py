"""One cluster, whichever way it is run: what the command and the tests use."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import addons, binaries, builder, cgroups, kind, machine, network, node, node_images
from tests.cluster.fault import ClusterError
from tests.cluster.fixtures import FIXTURES, NODE_OWN
from tests.cluster.folders import Folders
from tests.cluster.kubectl import Kubectl
from tests.cluster.phases import phase
from tests.cluster.recipes import RECIPES

NODE_RECIPES = ("kubernetes", "containerd", "kube-router", "coredns", "local-path-provisioner")
TOOLS = ("helm", "helm3", "kubeconform")
"""Programs that tests use beside the cluster."""


@dataclass(frozen=True)
class Cluster:
    """A real Kubernetes on this machine."""

    folders: Folders
    in_docker: bool

    @classmethod
    def here(cls) -> "Cluster":
        """Return kind's where Docker answers, else a node on the machine itself."""
        machine.extend_path()
        return cls(Folders.from_environment(), machine.has_docker())

    @property
    def address(self) -> str:
        """Where Ingresses are answered, on ports 80 and 443."""
        return kind.ADDRESS if self.in_docker else network.addresses().node

    @property
    def host(self) -> str:
        """That address as a URL has it."""
        return network.in_url(self.address)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folders.kubeconfig

    @property
    def kubectl(self) -> Kubectl:
        """The administrator's way to the cluster."""
        return kind.kubectl(self.folders) if self.in_docker else node.kubectl(self.folders)

    def program(self, name: str) -> Path:
        """Return a program that is built with the cluster, such as `helm`."""
        return binaries.program(self.folders, name)

    def is_up(self) -> bool:
        """Tell whether the cluster runs."""
        return kind.is_up(self.folders) if self.in_docker else node.is_up(self.folders)

    def build(self) -> None:
        """Build every program that isn't there."""
        for name in (*(("kind",) if self.in_docker else NODE_RECIPES), *TOOLS):
            if not binaries.is_built(self.folders, RECIPES[name]):
                with phase(f"build {name} {RECIPES[name].version}"):
                    binaries.build(self.folders, RECIPES[name])

    def up(self) -> None:
        """Bring the cluster up; of one that runs, only what is missing.

        Raises:
            ClusterError: Names what is missing on this machine, or what did not start and why.
        """
        machine.require(self.in_docker)
        with node.locked(self.folders):
            self.build()
            (self._up_kind if self.in_docker else self._up_node)()

    def _up_kind(self) -> None:
        if not self.is_up():
            kind.up(self.folders)
        kind.install_ingress(self.folders)

    def _up_node(self) -> None:
        images = builder.make(self.folders, NODE_OWN)
        if not self.is_up():
            node.up(self.folders)
        node.require_family(self.folders)
        node_images.load(self.folders, images)
        with phase("name server, storage class, ingress"):
            values = {
                "dns": network.addresses().dns,
                "volumes": str(self.folders.volumes),
                "address": self.address,
            }
            addons.install(self.kubectl, addons.NODE_OWN, values)

    def add_metrics(self) -> None:
        """Bring up metrics-server, whose image is loaded already, and return once it tells of pods."""
        image = self.stand_ins()[FIXTURES[addons.METRICS_SERVER].stands_for]
        values = {"metrics_server": image, "kubelet_trust": addons.KUBELET_TRUST[self.in_docker]}
        with phase("metrics-server"):
            addons.install(self.kubectl, ("metrics",), values)
            self.kubectl("wait", "--for=condition=Available", "apiservice/v1beta1.metrics.k8s.io", "--timeout=120s")

    def down(self) -> None:
        """Take the cluster down; programs and images stay for the next time."""
        with node.locked(self.folders), phase("down"):
            if self.in_docker:
                kind.down(self.folders)
            else:
                node.down(self.folders)

    def restart(self) -> None:
        """Restart the node, hard; what is on its disks stays."""
        with node.locked(self.folders):
            (kind if self.in_docker else node).restart(self.folders)

    def load(self, images: Iterable[str]) -> None:
        """Bring built images into the cluster."""
        if self.in_docker:
            kind.load(self.folders, images)
        else:
            node_images.load(self.folders, images)

    def stand_ins(self) -> dict[str, str]:
        """Return what stands for each public image here; with Docker, the public image itself."""
        public = [fixture for fixture in FIXTURES.values() if fixture.stands_for]
        return {fixture.stands_for: fixture.stands_for if self.in_docker else fixture.image for fixture in public}

    def memory_bytes(self) -> int:
        """Return the memory of all pods.

        Raises:
            ClusterError: The pods are Docker's, out of our sight.
        """
        if self.in_docker:
            raise ClusterError("the memory of pods is measured on the node without Docker alone")
        return cgroups.memory_bytes()
