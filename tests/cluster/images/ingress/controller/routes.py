"""From Kubernetes objects to what nginx is to serve. Nothing here touches the world."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CLASS = "nginx"
BODY_SIZE = "nginx.org/client-max-body-size"
READ_TIMEOUT = "nginx.org/proxy-read-timeout"
REDIRECT = "nginx.org/ssl-redirect"
"""The annotations that are followed: names and defaults are those of F5's controller."""

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Location:
    """A path of a host, and where its requests go."""

    path: str
    kind: str
    """`Exact`, `Prefix` or `ImplementationSpecific`."""
    target: str | None
    """`address:port` of the Service, None when there is no such Service or port."""
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


def hosts(ingresses: Iterable[Object], services: Iterable[Object], certificates: set[tuple[str, str]]) -> list[Host]:
    """Return all hosts by name.

    Args:
        ingresses: Of every namespace and class.
        services: Of every namespace.
        certificates: Namespace and name of every TLS Secret that can be used.
    """
    known = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in services}
    found: dict[str, Host] = {}
    for ingress in chosen(ingresses):
        for rule in _rules(ingress):
            host = found.setdefault(rule.get("host", ""), Host(rule.get("host", "")))
            for path in rule["http"]["paths"]:
                location = _location(ingress, path, known)
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


def _location(ingress: Object, path: Object, services: Mapping[tuple[str, str], Object]) -> Location:
    annotations = ingress["metadata"].get("annotations", {})
    return Location(
        path=path.get("path") or "/",
        kind=path["pathType"],
        target=_target(ingress["metadata"]["namespace"], path["backend"].get("service"), services),
        body_size=annotations.get(BODY_SIZE, Location.body_size),
        read_timeout=annotations.get(READ_TIMEOUT, Location.read_timeout),
    )


def _target(namespace: str, backend: Object | None, services: Mapping[tuple[str, str], Object]) -> str | None:
    service = services.get((namespace, backend["name"])) if backend else None
    address = service["spec"].get("clusterIP") if service else None
    if not service or not backend or address in (None, "", "None"):
        return None
    wanted = backend["port"]
    for port in service["spec"].get("ports", ()):
        if port["port"] == wanted.get("number") or port.get("name", "") == wanted.get("name", object()):
            return f"[{address}]:{port['port']}" if ":" in address else f"{address}:{port['port']}"
    return None


def _secure(ingress: Object, host: Host, certificates: set[tuple[str, str]]) -> None:
    for tls in ingress["spec"].get("tls", ()):
        secret = (ingress["metadata"]["namespace"], tls.get("secretName", ""))
        if host.name in tls.get("hosts", ()) and secret in certificates and host.certificate is None:
            host.certificate = secret
            host.redirect = ingress["metadata"].get("annotations", {}).get(REDIRECT, "true") == "true"
