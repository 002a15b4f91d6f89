"""NetworkPolicies as a network plugin reads them: whether a connection may be made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

NAMESPACE = "molino"


@dataclass(frozen=True)
class End:
    """An end of a connection: a pod, or an address outside the cluster."""

    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = NAMESPACE
    address: str = "10.244.0.9"

    @property
    def is_outside(self) -> bool:
        """Whether it is no pod."""
        return not self.namespace


def allowed(policies: Iterable[dict[str, Any]], source: End, target: End, port: int, protocol: str = "TCP") -> bool:
    """Return whether both ends let a connection through: no policy selects an end, or one that does has a rule for it.

    Args:
        policies: NetworkPolicies, all of `NAMESPACE`.
        source: who asks.
        target: who is asked.
        port: of the target's pod.
        protocol: TCP or UDP.
    """
    policies = list(policies)
    return _lets(policies, "Egress", source, target, (port, protocol)) and _lets(
        policies, "Ingress", target, source, (port, protocol)
    )


def _lets(policies: list[dict[str, Any]], way: str, own: End, other: End, port: tuple[int, str]) -> bool:
    if own.namespace != NAMESPACE:
        return True
    specs = [one["spec"] for one in policies if _selects(one["spec"]["podSelector"], own.labels)]
    specs = [one for one in specs if way in one["policyTypes"]]
    peers = "to" if way == "Egress" else "from"
    rules = [rule for one in specs for rule in one.get(way.lower(), [])]
    return not specs or any(_is_of_port(rule, port) and _is_of_peer(rule.get(peers, []), other) for rule in rules)


def _is_of_port(rule: dict[str, Any], port: tuple[int, str]) -> bool:
    ports = [(one["port"], one.get("protocol", "TCP")) for one in rule.get("ports", [])]
    return not ports or port in ports


def _is_of_peer(peers: list[dict[str, Any]], other: End) -> bool:
    return not peers or any(_is_peer(one, other) for one in peers)


def _is_peer(peer: dict[str, Any], other: End) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        address = ip_address(other.address)
        inside = [ip_network(one) for one in (block["cidr"], *block.get("except", []))]
        return address in inside[0] and not any(address in one for one in inside[1:])
    if other.is_outside:
        return False
    namespace = {"kubernetes.io/metadata.name": other.namespace}
    of_namespace = (
        _selects(peer["namespaceSelector"], namespace) if "namespaceSelector" in peer else other.namespace == NAMESPACE
    )
    return of_namespace and _selects(peer.get("podSelector", {}), other.labels)


def _selects(selector: dict[str, Any], labels: Mapping[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, "matchExpressions: teach this reader first"
    return selector.get("matchLabels", {}).items() <= labels.items()
