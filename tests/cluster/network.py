"""The node's network: a namespace, and a pair of interfaces to this machine. There is no way out of it."""

from pathlib import Path

from tests.cluster.commands import run, succeeds
from tests.cluster.fault import ClusterError

NAMESPACE = "molino"
NAMESPACE_FILE = Path("/run/netns") / NAMESPACE
INTERFACE = "molino0"
MACHINE = "10.250.0.1"
NODE = "10.250.0.2"
PREFIX = 24
PODS = "10.244.0.0/24"
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"


def create() -> None:
    """Make the namespace and its way to this machine.

    Raises:
        ClusterError: The kernel refuses, or another network here has these addresses.
    """
    _refuse_taken_addresses()
    run(["ip", "netns", "add", NAMESPACE])
    run(["ip", "link", "add", INTERFACE, "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE])
    run(["ip", "address", "add", f"{MACHINE}/{PREFIX}", "dev", INTERFACE])
    run(["ip", "link", "set", INTERFACE, "up"])
    inside = ["ip", "-netns", NAMESPACE]
    run([*inside, "link", "set", "lo", "up"])
    run([*inside, "address", "add", f"{NODE}/{PREFIX}", "dev", "eth0"])
    run([*inside, "link", "set", "eth0", "up"])
    run([*inside, "route", "add", "default", "via", MACHINE])
    _forward()


def _forward() -> None:
    """Let packets pass between pods, and, where the kernel filters bridged ones, through the rules for services."""
    enter = ["nsenter", f"--net={NAMESPACE_FILE}", "sysctl", "-qw"]
    run([*enter, "net.ipv4.ip_forward=1"])
    if Path("/proc/sys/net/bridge").exists():
        run([*enter, "net.bridge.bridge-nf-call-iptables=1"])


def _refuse_taken_addresses() -> None:
    route = run(["ip", "-oneline", "route", "show", "to", "exact", f"{NODE.rsplit('.', 1)[0]}.0/{PREFIX}"]).strip()
    if route:
        raise ClusterError(f"the cluster's addresses are taken on this machine: {route}")


def remove() -> None:
    """Remove the namespace and the interfaces; both may be absent."""
    succeeds(["ip", "link", "delete", INTERFACE])
    succeeds(["ip", "netns", "delete", NAMESPACE])


def leftovers() -> list[str]:
    """Return what is there of it."""
    found = [str(NAMESPACE_FILE)] if NAMESPACE_FILE.exists() else []
    return found + ([INTERFACE] if Path("/sys/class/net", INTERFACE).exists() else [])
