"""Volumes that can be full without the machine's disk being so: a file with a file system of its own each."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster import mounts
from tests.cluster.cluster import Cluster
from tests.cluster.commands import run
from tests.e2e.installed.installation import Installation

BYTES = 2**30
FILLER = "filler"


@dataclass(frozen=True)
class Disk:
    """The disk of a component."""

    component: str
    folder: Path

    @classmethod
    def of(cls, cluster: Cluster, component: str) -> "Disk":
        """Return the disk of a component, made or not."""
        return cls(component, cluster.folders.volumes / f"{component}-disk")

    @property
    def is_there(self) -> bool:
        """Tell whether it is mounted."""
        return self.folder in mounts.below(self.folder)

    def make(self, installation: Installation) -> None:
        """Make it, empty, and have the component's claim take it. `down` of the cluster unmounts it."""
        if not self.is_there:
            self.mount()
        self.clear()
        name = installation.name(self.component)
        installation.cluster.kubectl("delete", "persistentvolume", f"{name}-disk", "--ignore-not-found")
        installation.cluster.kubectl.apply(yaml.safe_dump(self._volume(installation)))

    def mount(self) -> None:
        """Make its file and mount it."""
        self.folder.mkdir(parents=True)
        image = self.folder.with_suffix(".img")
        with image.open("wb") as file:
            file.truncate(BYTES)
        run(["mkfs.ext4", "-q", "-m", "0", image])
        run(["mount", "-o", "loop", image, self.folder])
        self.folder.chmod(0o777)

    def clear(self) -> None:
        """Remove what an earlier installation has left, and what the file system makes itself."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _volume(self, installation: Installation) -> dict[str, object]:
        name = installation.name(self.component)
        claim = {"namespace": installation.namespace, "name": f"data-{name}-0"}
        nodes = {"key": "kubernetes.io/hostname", "operator": "Exists"}
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"{name}-disk"},
            "spec": {
                "capacity": {"storage": "10Gi"},  # what the claims ask for; the disk is smaller
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "standard",
                "persistentVolumeReclaimPolicy": "Retain",
                "local": {"path": str(self.folder)},  # of which the kubelet tells how full it is
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [nodes]}]}},
                "claimRef": claim,
            },
        }

    def fill(self) -> None:
        """Leave not a byte: what is there of room goes to a file."""
        with (self.folder / FILLER).open("ab") as file:
            found = os.statvfs(self.folder)
            if room := found.f_bavail * found.f_frsize:
                try:
                    os.posix_fallocate(file.fileno(), file.tell(), room)
                except OSError:  # what was free has been taken meanwhile
                    return

    def free(self) -> None:
        """Give the room back."""
        (self.folder / FILLER).unlink(missing_ok=True)
