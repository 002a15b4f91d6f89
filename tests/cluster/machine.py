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
