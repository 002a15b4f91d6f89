"""Where the test cluster keeps what it makes."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folders:
    """A root with what outlives the cluster (programs, images) and what goes down with it (the node)."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Folders":
        """Take `MOLINO_CLUSTER_HOME`, else the user's cache folder."""
        given = os.environ.get("MOLINO_CLUSTER_HOME")
        return cls(Path(given).resolve() if given else Path.home() / ".cache" / "molino" / "cluster")

    @property
    def programs(self) -> Path:
        """Built programs: a folder per recipe, named by the hash of what decides its content."""
        return self.root / "bin"

    @property
    def content(self) -> Path:
        """What containerd has stored: images that were loaded once stay in the node."""
        return self.root / "containerd"

    @property
    def node(self) -> Path:
        """All of the running node: certificates, etcd, pods, volumes, logs, process records."""
        return self.root / "node"

    @property
    def logs(self) -> Path:
        """A file per component."""
        return self.node / "log"

    @property
    def pod_logs(self) -> Path:
        """A file per container, where the kubelet keeps them."""
        return self.node / "pod-logs"

    @property
    def volumes(self) -> Path:
        """The persistent volumes of class `standard`."""
        return self.node / "volumes"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.node / "kubeconfig"

    @property
    def socket(self) -> Path:
        """Where containerd listens. Socket paths have at most 107 bytes, so it isn't under the root."""
        return Path("/run/molino-cluster/containerd.sock")
