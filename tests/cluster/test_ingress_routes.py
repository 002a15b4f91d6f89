from typing import Any

import pytest

from tests.cluster.images.ingress.controller.routes import Host, Location, hosts

SERVICE = {
    "metadata": {"namespace": "shop", "name": "web"},
    "spec": {"clusterIP": "10.96.0.7", "ports": [{"name": "http", "port": 80}, {"name": "admin", "port": 8081}]},
}


def ingress(**changes: Any) -> dict[str, Any]:
    """Return an Ingress of host `a.test`, path `/`, to the Service."""
    backend = {"service": {"name": "web", "port": changes.pop("port", {"number": 80})}}
    path = {"path": changes.pop("path", "/"), "pathType": "Prefix", "backend": backend}
    metadata = {
        "namespace": changes.pop("namespace", "shop"),
        "name": "web",
        "uid": "1",
        "creationTimestamp": changes.pop("created", "2026-01-01T00:00:00Z"),
        "annotations": changes.pop("annotations", {}),
    }
    rules = [{"host": changes.pop("host", "a.test"), "http": {"paths": [path]}}]
    return {"metadata": metadata, "spec": {"ingressClassName": "nginx", "rules": rules, **changes}}


def only(*ingresses: dict[str, Any], certificates: frozenset[tuple[str, str]] = frozenset()) -> Host:
    """Return the only host of these."""
    [host] = hosts(ingresses, [SERVICE], set(certificates))
    return host


def location(*ingresses: dict[str, Any]) -> Location:
    """Return the only location of these."""
    [found] = only(*ingresses).locations.values()
    return found


def test_path_goes_to_the_address_of_its_service() -> None:
    assert location(ingress()).target == "10.96.0.7:80"


def test_port_can_be_named() -> None:
    assert location(ingress(port={"name": "admin"})).target == "10.96.0.7:8081"


@pytest.mark.parametrize("changes", [{"port": {"number": 99}}, {"port": {"name": "none"}}, {"namespace": "other"}])
def test_backend_that_is_not_there_has_no_target(changes: dict[str, Any]) -> None:
    assert location(ingress(**changes)).target is None


def test_other_classes_are_left_alone() -> None:
    assert hosts([ingress(ingressClassName="other")], [SERVICE], set()) == []


def test_older_ingress_has_the_path() -> None:
    young, old = ingress(created="2026-02-01T00:00:00Z", port={"name": "admin"}), ingress()
    assert location(young, old).target == "10.96.0.7:80"


def test_ingresses_of_one_host_share_it() -> None:
    assert {path for path, _ in only(ingress(), ingress(path="/b")).locations} == {"/", "/b"}


def test_default_backend_takes_every_other_host() -> None:
    found = hosts([ingress(defaultBackend={"service": {"name": "web", "port": {"number": 80}}})], [SERVICE], set())
    assert [host.name for host in found] == ["", "a.test"]


def test_annotations_of_f5_are_followed() -> None:
    annotated = ingress(annotations={"nginx.org/client-max-body-size": "8m", "nginx.org/proxy-read-timeout": "90s"})
    assert (location(annotated).body_size, location(annotated).read_timeout) == ("8m", "90s")


SECURE = {"tls": [{"hosts": ["a.test"], "secretName": "web-tls"}]}
HELD = frozenset({("shop", "web-tls")})


def test_host_gets_its_certificate_and_leads_there() -> None:
    host = only(ingress(**SECURE), certificates=HELD)
    assert (host.certificate, host.redirect) == (("shop", "web-tls"), True)


def test_leading_to_https_can_be_turned_off() -> None:
    plain = ingress(**SECURE, annotations={"nginx.org/ssl-redirect": "false"})
    assert not only(plain, certificates=HELD).redirect


def test_host_whose_certificate_is_not_there_is_served_without() -> None:
    assert only(ingress(**SECURE)).certificate is None
