"""From Kubernetes objects to what nginx is to serve. Nothing here touches the world."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CLASS = "nginx"
BODY_SIZE = "nginx.org/client-max-body-size"
READ_TIMEOUT = "nginx.org/proxy-read-timeout"
REDIRECT = "nginx.org/ssl-redirect"
"""The annotations that are followed: names and defaults are those of F5's controller."""

SERVICE = "kubernetes.io/service-name"
"""The label of an EndpointSlice that names its Service."""

Object = Mapping[str, Any]
Named = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True)
class Location:
    """A path of a host, and where its requests go."""

    path: str
    kind: str
    """`Exact`, `Prefix` or `ImplementationSpecific`."""
    targets: tuple[str, ...]
    """`address:port` of each ready pod, sorted; none when there is no such Service or port."""
    body_size: str = "1m"
    read_timeout: str = "60s"


@dataclass
class Host:
    """A name that is served; the empty one takes every other name."""

    name: str
    locations: dict[tuple[str, str], Location] = field(default_factory=dict)
    """By path and kind."""
    certificate: tuple[str, str] | None = None
    """Namespace and name of the Secret with the certificate."""
    redirect: bool = False
    """Whether plain HTTP is sent to HTTPS."""


def chosen(ingresses: Iterable[Object]) -> list[Object]:
    """Return the Ingresses of our class; the oldest first: of two that want the same path, it has it."""
    mine = [ingress for ingress in ingresses if ingress["spec"].get("ingressClassName") == CLASS]
    return sorted(mine, key=lambda ingress: (ingress["metadata"]["creationTimestamp"], ingress["metadata"]["uid"]))


def hosts(
    ingresses: Iterable[Object],
    services: Iterable[Object],
    slices: Iterable[Object],
    certificates: set[tuple[str, str]],
) -> list[Host]:
    """Return all hosts by name.

    Args:
        ingresses: Of every namespace and class.
        services: Of every namespace.
        slices: EndpointSlices of every namespace.
        certificates: Namespace and name of every TLS Secret that can be used.
    """
    known = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in services}
    pods: dict[tuple[str, str], list[Object]] = {}
    for item in slices:
        service = item["metadata"].get("labels", {}).get(SERVICE, "")
        pods.setdefault((item["metadata"]["namespace"], service), []).append(item)
    found: dict[str, Host] = {}
    for ingress in chosen(ingresses):
        for rule in _rules(ingress):
            host = found.setdefault(rule.get("host", ""), Host(rule.get("host", "")))
            for path in rule["http"]["paths"]:
                location = _location(ingress, path, known, pods)
                host.locations.setdefault((location.path, location.kind), location)
            _secure(ingress, host, certificates)
    return sorted(found.values(), key=lambda host: host.name)


def _rules(ingress: Object) -> list[Any]:
    """Return the rules; a default backend is one for every host and path."""
    spec = ingress["spec"]
    rules = [rule for rule in spec.get("rules", ()) if rule.get("http")]
    if "defaultBackend" in spec:
        path = {"path": "/", "pathType": "Prefix", "backend": spec["defaultBackend"]}
        rules.append({"http": {"paths": [path]}})
    return rules


def _location(
    ingress: Object, path: Object, services: Mapping[Named, Object], pods: Mapping[Named, Iterable[Object]]
) -> Location:
    annotations = ingress["metadata"].get("annotations", {})
    backend = path["backend"].get("service") or {"name": "", "port": {}}
    service = (ingress["metadata"]["namespace"], backend["name"])
    port = _port(services.get(service), backend["port"])
    return Location(
        path=path.get("path") or "/",
        kind=path["pathType"],
        targets=() if port is None else tuple(sorted(_ready(pods.get(service, ()), port))),
        body_size=annotations.get(BODY_SIZE, Location.body_size),
        read_timeout=annotations.get(READ_TIMEOUT, Location.read_timeout),
    )


def _port(service: Object | None, wanted: Object) -> str | None:
    """Return the name of the Service's port, as its EndpointSlices have it, which may be empty."""
    for port in service["spec"].get("ports", ()) if service else ():
        name: str = port.get("name", "")
        if port["port"] == wanted.get("number") or (name and name == wanted.get("name")):
            return name
    return None


def _ready(slices: Iterable[Object], port: str) -> set[str]:
    """Return `address:port` of the pods that take requests; an IPv6 address stands in brackets."""
    return {
        f"[{address}]:{offered['port']}" if item["addressType"] == "IPv6" else f"{address}:{offered['port']}"
        for item in slices
        for offered in item.get("ports") or ()
        if (offered.get("name") or "") == port
        for endpoint in item.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready", True)
        for address in endpoint["addresses"]
    }


def _secure(ingress: Object, host: Host, certificates: set[tuple[str, str]]) -> None:
    for tls in ingress["spec"].get("tls", ()):
        secret = (ingress["metadata"]["namespace"], tls.get("secretName", ""))
        if host.name in tls.get("hosts", ()) and secret in certificates and host.certificate is None:
            host.certificate = secret
            host.redirect = ingress["metadata"].get("annotations", {}).get(REDIRECT, "true") == "true"
