"""The node's network: a namespace, and a pair of interfaces to this machine. There is no way out of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.commands import run, succeeds
from tests.cluster.fault import ClusterError

NAMESPACE = "molino"
NAMESPACE_FILE = Path("/run/netns") / NAMESPACE
INTERFACE = "molino0"
FAMILY = "MOLINO_CLUSTER_FAMILY"
"""The setting that says of which family all addresses are."""


@dataclass(frozen=True)
class Addresses:
    """Those of a cluster, all of one family."""

    nodes: str
    """The network between this machine and the node."""
    machine: str
    node: str
    pods: str
    services: str
    api: str
    """Of the API server's Service."""
    dns: str
    """Of the name server's."""
    anywhere: str
    """The network that every address is in."""
    forwarding: str
    """The kernel's setting that lets packets pass."""
    filtering: str
    """The kernel's setting that has the rules for services see packets that cross a bridge."""

    @property
    def is_ipv6(self) -> bool:
        """Whether they are of IPv6."""
        return ":" in self.node

    @property
    def prefix(self) -> str:
        """How many bits the nodes' network has."""
        return self.nodes.partition("/")[2]


FAMILIES: Mapping[str, Addresses] = {
    "ipv4": Addresses(
        nodes="10.250.0.0/24",
        machine="10.250.0.1",
        node="10.250.0.2",
        pods="10.244.0.0/24",
        services="10.96.0.0/16",
        api="10.96.0.1",
        dns="10.96.0.10",
        anywhere="0.0.0.0/0",
        forwarding="net.ipv4.ip_forward",
        filtering="net.bridge.bridge-nf-call-iptables",
    ),
    "ipv6": Addresses(
        nodes="fd00:250::/64",
        machine="fd00:250::1",
        node="fd00:250::2",
        pods="fd00:244::/64",
        services="fd00:96::/112",
        api="fd00:96::1",
        dns="fd00:96::a",
        anywhere="::/0",
        forwarding="net.ipv6.conf.all.forwarding",
        filtering="net.bridge.bridge-nf-call-ip6tables",
    ),
}


def addresses() -> Addresses:
    """Return the addresses of the family that `MOLINO_CLUSTER_FAMILY` names, by default IPv4.

    Raises:
        ClusterError: There is no such family.
    """
    family = os.environ.get(FAMILY) or "ipv4"
    if family not in FAMILIES:
        raise ClusterError(f"{FAMILY}={family}: no such family; there are {', '.join(FAMILIES)}")
    return FAMILIES[family]


def in_url(address: str) -> str:
    """Return an address as a URL has it."""
    return f"[{address}]" if ":" in address else address


def create() -> None:
    """Make the namespace and its way to this machine.

    Raises:
        ClusterError: The kernel refuses, or another network here has these addresses.
    """
    ours = addresses()
    _refuse_taken(ours)
    run(["ip", "netns", "add", NAMESPACE])
    run(["ip", "link", "add", INTERFACE, "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE])
    run(["ip", "address", "add", f"{ours.machine}/{ours.prefix}", "dev", INTERFACE, *_at_once(ours)])
    run(["ip", "link", "set", INTERFACE, "up"])
    inside = ["ip", "-netns", NAMESPACE]
    run([*inside, "link", "set", "lo", "up"])
    run([*inside, "address", "add", f"{ours.node}/{ours.prefix}", "dev", "eth0", *_at_once(ours)])
    run([*inside, "link", "set", "eth0", "up"])
    run([*inside, "route", "add", "default", "via", ours.machine])
    _forward(ours)


def _at_once(ours: Addresses) -> list[str]:
    """Return what has an address be used before anyone was asked whether it is taken."""
    return ["nodad"] if ours.is_ipv6 else []


def _forward(ours: Addresses) -> None:
    """Let packets pass between pods, and, where the kernel filters bridged ones, through the rules for services."""
    enter = ["nsenter", f"--net={NAMESPACE_FILE}", "sysctl", "-qw"]
    run([*enter, f"{ours.forwarding}=1"])
    if Path("/proc/sys/net/bridge").exists():
        run([*enter, f"{ours.filtering}=1"])


def _refuse_taken(ours: Addresses) -> None:
    family = "-6" if ours.is_ipv6 else "-4"
    route = run(["ip", family, "-oneline", "route", "show", "to", "exact", ours.nodes]).strip()
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
