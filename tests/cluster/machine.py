"""What this machine must have for a cluster."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.commands import succeeds
from tests.cluster.fault import ClusterError

CNI = Path("/usr/lib/cni")
PROGRAMS: Mapping[str, str] = {
    "etcd": "etcd-server",
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "ipset": "ipset",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mount": "mount",
    "sysctl": "procps",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "skopeo": "skopeo",
    str(CNI / "bridge"): "containernetworking-plugins",
}
"""Program → Debian package."""
GO = "Go 1.26 or newer (https://go.dev/dl), with the program `go` on the PATH"
ROOM_BYTES = 4 * 2**30
"""What images, volumes and logs of an installation add to a disk."""
KUBELETS_SHARE = 0.01
"""Of a disk: below it the kubelet removes images that no pod uses yet (`evictionHard` in config/kubelet.yaml)."""
PATHS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin"


def has_docker() -> bool:
    """Tell whether a Docker engine answers."""
    return succeeds(["docker", "info"])


def extend_path() -> None:
    """Find system programs also where a plain user's PATH doesn't lead."""
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{PATHS}"


def missing_packages() -> list[str]:
    """Return the Debian packages whose programs aren't there, by name."""
    return sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})


def require(in_docker: bool) -> None:
    """Make sure that a cluster can be run here.

    Raises:
        ClusterError: Names all that is missing, and the line that brings it.
    """
    faults = [] if shutil.which("go") else [f"missing: {GO}"]
    if in_docker and not shutil.which("kubectl"):
        faults.append("missing: kubectl (https://kubernetes.io/docs/tasks/tools)")
    if not in_docker and (packages := missing_packages()):
        faults.append(f"missing programs; bring them by: apt-get install --yes {' '.join(packages)}")
    if not in_docker and os.geteuid() != 0:
        faults.append("a node without Docker needs root (network namespaces, mounts, control groups): use sudo")
    if faults:
        raise ClusterError("\n".join(faults))


def require_room(folder: Path) -> None:
    """Make sure that an installation finds room: a kubelet that is short of it takes images away that pods wait for.

    Raises:
        ClusterError: Names the disk, what is free and what is wanted.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    disk = shutil.disk_usage(there)
    wanted = ROOM_BYTES + KUBELETS_SHARE * disk.total
    if disk.free < wanted:
        raise ClusterError(
            f"{disk.free / 2**30:.1f} GiB are free in {there}, and {wanted / 2**30:.1f} are wanted: remove images that "
            "nothing uses (buildah prune --all, or docker image prune), or set MOLINO_CLUSTER_HOME to another disk"
        )
