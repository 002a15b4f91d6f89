"""Bring the node up, and take it down without a trace."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import binaries, cgroups, components, mounts, network, processes, strays
from tests.cluster.commands import run, succeeds
from tests.cluster.components import Component
from tests.cluster.fault import ClusterError
from tests.cluster.folders import Folders
from tests.cluster.kubectl import Kubectl
from tests.cluster.phases import phase
from tests.cluster.waits import until

LIMIT = 180.0
"""Seconds that a program of the node may take to answer: a busy machine is no fault."""
LOG_LINES = 10
ORDER = (
    "kubelet", "kube-router", "kube-proxy", "kube-scheduler", "kube-controller-manager", "kube-apiserver",
    "containerd", "etcd",
)  # fmt: skip
"""In which the programs are ended: first what would start again what the others end."""
ITEMS = ("tasks", "containers", "sandboxes")
"""What containerd knows of pods, in the order in which it can be removed."""
FORCE = {"tasks": ("--force",), "sandboxes": ("--force",)}


@contextmanager
def locked(folders: Folders) -> Iterator[None]:
    """Hold the cluster, so that two commands at once don't undo each other.

    Raises:
        ClusterError: Another command holds it.
    """
    folders.root.mkdir(parents=True, exist_ok=True)
    with (folders.root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ClusterError("another command is at work on the cluster: wait until it is done") from error
        yield


def kubectl(folders: Folders) -> Kubectl:
    """Return the administrator's way to the node."""
    return Kubectl(binaries.program(folders, "kubectl"), folders.kubeconfig)


def is_up(folders: Folders) -> bool:
    """Tell whether all programs of the node run and the API answers."""
    known = processes.recorded(folders)
    return set(known) == set(ORDER) and all(process.is_alive() for process in known.values()) and _answers(folders)


def require_family(folders: Folders) -> None:
    """Make sure that the node's addresses are of the family that is wanted.

    Raises:
        ClusterError: Those of the node that runs are of another.
    """
    if components.server() not in folders.kubeconfig.read_text():
        raise ClusterError(f"a cluster of another family of addresses than {network.FAMILY} is up: make cluster-down")


def _answers(folders: Folders) -> bool:
    return succeeds(
        [binaries.program(folders, "kubectl"), "--kubeconfig", folders.kubeconfig, "get", "--raw", "/readyz"]
    )


def up(folders: Folders) -> None:
    """Start a node; what an earlier one left behind is cleared first."""
    with phase("clear what was left behind"):
        down(folders)
    with phase("network, control groups, certificates"):
        cgroups.create()
        network.create()
        components.write_files(folders)
    _start_all(folders)


def restart(folders: Folders) -> None:
    """Restart the node as a machine that loses its power: all that runs ends at once, its disks stay."""
    with phase("node ended"):
        outside = strays.files(folders)
        for name in ORDER:
            processes.end(folders, name, grace=0)
        cgroups.kill()
        mounts.unmount_below(folders.node, keep=folders.volumes)
        network.remove()
        cgroups.remove()
        strays.remove(outside)
        shutil.rmtree(components.pod_addresses(folders), ignore_errors=True)
    with phase("network, control groups"):
        cgroups.create()
        network.create()
    _start_all(folders)


def _start_all(folders: Folders) -> None:
    with phase("etcd, containerd"):
        _start(folders, components.etcd(folders))
        _start_containerd(folders)
    with phase("API server"):
        server = _start(folders, components.apiserver(folders))
        until("the API server ready", lambda: _answers(folders), LIMIT, lambda: _cause(folders, server))
    with phase("node ready"):
        for component in (components.controllers, components.scheduler, components.proxy):
            _start(folders, component(folders))
        kubelet = _start(folders, components.kubelet(folders))
        ready = ["wait", "--for=condition=Ready", f"node/{components.NODE}", "--timeout=2s"]
        command: list[str | Path] = [binaries.program(folders, "kubectl"), "--kubeconfig", folders.kubeconfig, *ready]
        until("the node ready", lambda: succeeds(command), LIMIT, lambda: _cause(folders, kubelet))
        _start(folders, components.firewall(folders))  # It ends where its node isn't known yet.


def _start(folders: Folders, component: Component) -> processes.Process:
    return processes.start(folders, component.name, component.command, component.environment)


def _start_containerd(folders: Folders) -> None:
    """Start the runtime; when it still knows pods of an earlier node, make it forget them, and start it anew."""
    _run_containerd(folders)
    if any(_known(folders, kind) for kind in ITEMS):
        until("containerd rid of old pods", lambda: _forget_pods(folders), LIMIT)
        processes.end(folders, "containerd")
        _run_containerd(folders)


def _run_containerd(folders: Folders) -> None:
    runtime = _start(folders, components.containerd(folders))
    version = [*ctr(folders), "version"]
    until("containerd ready", lambda: succeeds(version), LIMIT, lambda: _cause(folders, runtime))


def _cause(folders: Folders, process: processes.Process) -> str | None:
    """Say what a program wrote last, if it ended."""
    if process.is_alive():
        return None
    lines = (folders.logs / f"{process.name}.log").read_text(errors="replace").splitlines()[-LOG_LINES:]
    return f"{process.name} ended:\n" + "\n".join(lines)


def ctr(folders: Folders) -> list[str]:
    """Return the start of a command to the node's containerd."""
    return [str(binaries.program(folders, "ctr")), "--address", str(folders.socket), "--namespace", "k8s.io"]


def container_process(folders: Folders, container: str) -> int:
    """Return the id of a running container's first process; all others of the container end with it."""
    for line in run([*ctr(folders), "tasks", "list"]).splitlines()[1:]:
        found, process, *_ = line.split()
        if found == container:
            return int(process)
    raise ClusterError(f"no container {container} is running")


def _known(folders: Folders, kind: str) -> list[str]:
    lines = run([*ctr(folders), kind, "list"]).splitlines()[1:]
    return [line.split()[0] for line in lines if line.strip()]


def _forget_pods(folders: Folders) -> bool:
    """Remove every container and its file system; tell whether the content folder holds images alone now."""
    for kind in ITEMS:
        if known := _known(folders, kind):
            succeeds([*ctr(folders), kind, "remove", *FORCE.get(kind, ()), *known])
    return not any(_known(folders, kind) for kind in ITEMS)


def down(folders: Folders) -> None:
    """End what was started here, and remove all that it made; images and programs stay.

    It also copes with a node that was only half started or half taken down, or cut off by a restart of the machine.
    """
    outside = strays.files(folders)
    for name in ORDER:
        processes.end(folders, name)
    cgroups.kill()
    mounts.unmount_below(folders.node)
    network.remove()
    cgroups.remove()
    strays.remove(outside)
    shutil.rmtree(folders.node, ignore_errors=True)
    shutil.rmtree(folders.socket.parent, ignore_errors=True)


def leftovers(folders: Folders) -> list[str]:
    """Return what is there of a node: names of its programs, mounts, network, control groups, folders."""
    alive = [name for name, process in processes.recorded(folders).items() if process.is_alive()]
    mounted = [str(point) for point in mounts.below(folders.node)]
    folder = [str(folder) for folder in (folders.node, folders.socket.parent) if folder.exists()]
    outside = [str(path) for path in strays.files(folders) if path.exists()]
    return alive + mounted + network.leftovers() + cgroups.leftovers() + folder + outside
