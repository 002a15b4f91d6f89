"""The control group that holds every process of the node, so that none of them can be lost or mistaken.

A group of its own under each controller: the kubelet makes the pods' groups below it, and the node's own programs live
in its child `host`. The kernel keeps the list of members, whoever started them.
"""

import os
import signal
import time
from pathlib import Path

from tests.cluster.fault import ClusterError

NAME = "molino"
ROOT = Path("/sys/fs/cgroup")
CONTROLLERS_V2 = "+cpu +memory +pids +io +cpuset"


def is_unified() -> bool:
    """Tell whether this machine has cgroup v2 alone."""
    return (ROOT / "cgroup.controllers").exists()


def hierarchies(mounts: str | None = None) -> list[Path]:
    """Return the roots of all hierarchies that have controllers: one with cgroup v2, one per controller with v1.

    Args:
        mounts: Content of `/proc/mounts`; read when not given.
    """
    return _mounted("cgroup", mounts) or _mounted("cgroup2", mounts)


def _mounted(kind: str, mounts: str | None = None) -> list[Path]:
    lines = (mounts if mounts is not None else Path("/proc/mounts").read_text()).splitlines()
    return sorted({Path(line.split()[1]) for line in lines if line.split()[2] == kind})


def _all() -> list[Path]:
    """Return the node's group wherever it is: runc makes one also in a cgroup v2 that is there beside v1."""
    roots = {*_mounted("cgroup"), *_mounted("cgroup2")}
    return sorted(root / NAME for root in roots if (root / NAME).exists())


def tracking() -> Path:
    """Return the group whose list of members is asked."""
    roots = hierarchies()
    return next((root for root in roots if "pids" in root.name.split(",")), roots[0]) / NAME


def create() -> None:
    """Make the groups.

    Raises:
        ClusterError: The kernel refuses, as in a container without a writable `/sys/fs/cgroup`.
    """
    try:
        for root in hierarchies():
            (root / NAME).mkdir(exist_ok=True)
            _inherit_cpuset(root)
            if is_unified():
                (root / "cgroup.subtree_control").write_text(CONTROLLERS_V2)
                (root / NAME / "cgroup.subtree_control").write_text(CONTROLLERS_V2)
        _host().mkdir(exist_ok=True)
    except OSError as error:
        raise ClusterError(
            f"no control group can be made under {ROOT} ({error.strerror}): it must be writable"
        ) from error


def _inherit_cpuset(root: Path) -> None:
    """A new v1 cpuset has no processors and no memory nodes, and nothing can run in it."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        mine = root / NAME / name
        if mine.exists() and not is_unified():
            mine.write_text((root / name).read_text())


def _host() -> Path:
    return tracking() / "host"


def join() -> None:
    """Put this process in the group; its children are born there."""
    (_host() / "cgroup.procs").write_text(str(os.getpid()))


def members() -> set[int]:
    """Return the ids of every process of the node and its pods."""
    found = set()
    for path in tracking().rglob("cgroup.procs") if tracking().exists() else ():
        try:
            found |= {int(line) for line in path.read_text().split()}
        except OSError:  # The group went away while it was read.
            continue
    return found


def kill(limit: float = 30) -> None:
    """End every member, and return when none is left.

    Raises:
        ClusterError: Some live on after `limit` seconds.
    """
    end = time.monotonic() + limit
    while alive := members():
        if time.monotonic() > end:
            raise ClusterError(f"processes {sorted(alive)} of the cluster can't be ended")
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def remove() -> None:
    """Remove the groups, deepest first; they must have no members."""
    for group in _all():
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()


def leftovers() -> list[str]:
    """Return the groups that are there."""
    return [str(group) for group in _all()]


def memory_bytes() -> int:
    """Return the memory of all pods, without what the kernel can give back (inactive file pages)."""
    memory = next((root for root in hierarchies() if root.name == "memory"), hierarchies()[0]) / NAME / "kubepods"
    current = memory / ("memory.current" if is_unified() else "memory.usage_in_bytes")
    if not current.exists():
        return 0
    statistics = dict(line.split() for line in (memory / "memory.stat").read_text().splitlines())
    inactive = statistics["inactive_file" if is_unified() else "total_inactive_file"]
    return int(current.read_text()) - int(inactive)
