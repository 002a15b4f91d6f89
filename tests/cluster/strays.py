"""What the node's programs write outside of the folders that they are given; the places are fixed in their source.

containerd 2.2: `pkg/shim/util_unix.go`, `cmd/containerd-shim-runc-v2/process/utils.go`; libcni: `CacheDir`; kubelet:
`DevicePluginPath`.
"""

import hashlib
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.cluster.components import NODE
from tests.cluster.folders import Folders

NAMESPACE = "k8s.io"
SHIMS = Path("/run/containerd/s")
RUNC = Path("/run/containerd/runc") / NAMESPACE
NETWORKS = Path("/var/lib/cni/results")
DEVICES = Path("/var/lib/kubelet/device-plugins")
OURS = re.compile(rf"{NODE}-([0-9a-f]{{64}})-eth0")
"""A result of the pod network, which has the node's name."""


def files(folders: Folders) -> list[Path]:
    """Return what there may be of all containers that the node has or had."""
    bundles = {bundle.name for bundle in folders.node.glob(f"containerd/io.containerd.*/{NAMESPACE}/*")}
    results = NETWORKS.iterdir() if NETWORKS.is_dir() else ()
    networks = {found[1] for path in results if (found := OURS.fullmatch(path.name))}
    return [path for container in sorted(bundles | networks) for path in _of(folders, container)]


def _of(folders: Folders, container: str) -> list[Path]:
    return [
        socket(folders, container),
        RUNC / container,
        NETWORKS / f"{NODE}-{container}-eth0",
        NETWORKS / f"cni-loopback-{container}-lo",
    ]


def socket(folders: Folders, container: str) -> Path:
    """Return where the shim of a container listens."""
    name = f"{folders.socket}/{NAMESPACE}/{container}"
    return SHIMS / hashlib.sha256(name.encode()).hexdigest()


def remove(paths: Iterable[Path]) -> None:
    """Remove these and the kubelet's socket, and the folders above them that are empty then."""
    for path in (*paths, DEVICES / "kubelet.sock"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for folder in (RUNC, SHIMS, NETWORKS, DEVICES):
        for each in (folder, folder.parent):
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()
