"""The NetworkPolicies: the paths of network.yaml are let through, and nothing else."""

import itertools
import random
from typing import Any

import pytest
import yaml
from network_addresses import ends
from network_policies import End, allowed
from rendering import ALL_ON, CHART, render

from charts.network import NETWORK, TABLE, network

ON = "networkPolicies.enabled=true"
PATHS: list[dict[str, Any]] = yaml.safe_load(TABLE.read_text())["paths"]
STRANGER = End({"app": "own"}, "elsewhere")
CONTROLLER = End({"app": "controller"}, "ingress-nginx")
OUTSIDE = End(namespace="", address="203.0.113.7")
PORTS = (22, 80, 443, 4318, 5000, 5432, 6432, 6443, 8000, 8080, 8090, 8793, 8794, 8974, 9000, 9001, 9093, 9187, 9464)
NOTICES = (
    "notices.enabled=true", "notices.mail.enabled=true", "notices.mail.login=false", "notices.mail.port=2525",
    "notices.mail.server=smtp.example.com", "notices.mail.from=a@example.com", "notices.mail.to={b@example.com}",
)  # fmt: skip


def policies(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in documents if one["kind"] == "NetworkPolicy"]


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return render("defaults", *ALL_ON["defaults"], "minio.distributed.enabled=true")


def named(word: str, pods: dict[str, End]) -> set[str]:
    """Return the pods that a word of the table stands for."""
    return {name for name in pods if word in ("*", name, name.partition("/")[0])}


def test_pods_reach_each_other_by_the_paths_of_the_table_alone(documents: list[dict[str, Any]]) -> None:
    pods, rules = ends(documents), policies(documents)
    ports = {"postgres.service.port": 5432, "pgbouncer.service.port": 6432}
    wanted = {
        (source, one, ports.get(path["port"], path["port"]))
        for path in PATHS
        for word in path["from"]
        for source in named(word, pods)
        for one in named(path["to"], pods)
    }
    found = {
        (source, one, port)
        for source, one in itertools.product(pods, repeat=2)
        for port in PORTS
        if allowed(rules, pods[source], pods[one], port)
    }
    anywhere = {(443, "step/ingest"), (443, "alertmanager"), *((port, who) for port in (443, 6443) for who in CALLERS)}
    assert {one for one in found if (one[2], one[0]) not in anywhere} == wanted
    assert all(port not in (443, 6443) for _, _, port in found)


CALLERS = (
    "airflow-dag-processor", "airflow-scheduler", "secrets-make", "step/deploy", "step/promote", "step/rollback",
    "backup", "backup-restore", "prune", "doctor", "prometheus", "kube-state-metrics",
)  # fmt: skip
"""Those that ask the API server of Kubernetes."""


def test_fifty_others_are_refused(documents: list[dict[str, Any]]) -> None:
    pods, rules = ends(documents), policies(documents)
    others = {"stranger": STRANGER, "controller": CONTROLLER, "outside": OUTSIDE}
    known = {("controller", one, port) for one, port in INGRESS.items()}
    into = [(*one, port) for one in itertools.product(others, pods) for port in PORTS if (*one, port) not in known]
    assert len(into) > 50
    sample = random.Random(20).sample(into, 50)
    assert [one for one in sample if allowed(rules, others[one[0]], pods[one[1]], one[2])] == []


INGRESS = {"serving": 8000, "airflow-api-server": 8080, "mlflow": 5000, "tensorboard": 8090, "minio": 9001}


def test_the_ingress_controller_reaches_what_has_an_ingress(documents: list[dict[str, Any]]) -> None:
    pods, rules = ends(documents), policies(documents)
    assert {one: [port for port in PORTS if allowed(rules, CONTROLLER, end, port)] for one, end in pods.items()} == {
        **{key: [] for key in pods},
        **{one: [port] for one, port in INGRESS.items()},
    }
    without = render("defaults", ON)
    assert not allowed(policies(without), CONTROLLER, ends(without)["mlflow"], 5000)


def test_out_of_the_release_goes_what_must(documents: list[dict[str, Any]]) -> None:
    pods, rules = ends(documents), policies(documents)
    assert {one: [port for port in PORTS if allowed(rules, end, OUTSIDE, port)] for one, end in pods.items()} == {
        **{key: [] for key in pods},
        **{key: [443, 6443] for key in CALLERS},
        "step/ingest": [443],
        "step/notice": [443],
        "alertmanager": [443],
    }
    assert all(allowed(rules, end, STRANGER, 53, protocol) for end in pods.values() for protocol in ("TCP", "UDP"))


@pytest.mark.parametrize(
    ("settings", "source", "host", "port"),
    [
        (("network.httpsProxy=http://proxy.example.com:3128",), "tensorboard", "203.0.113.7", 3128),
        (("serving.config.JWKS_URL=https://login.example.com:8443/keys",), "serving", "203.0.113.7", 8443),
        (("sentry.dsn=https://key@sentry.example.com/1",), "step/train", "203.0.113.7", 443),
        (NOTICES, "step/notice", "203.0.113.7", 443),
        (NOTICES, "step/notice", "203.0.113.7", 2525),
        (("steps.config.gitRemote=git@git.example.com:ml/data.git",), "step/version", "203.0.113.7", 22),
        (("steps.config.gitRemote=ssh://git@git.example.com:2222/data",), "step/train", "203.0.113.7", 2222),
        (("steps.config.gitRemote=http://git.example.com/data",), "step/version", "203.0.113.7", 80),
        (("steps.config.gitRemote=git://git.example.com/data",), "step/version", "203.0.113.7", 9418),
        (("networkPolicies.to.sources.ports={5433}",), "step/ingest", "203.0.113.7", 5433),
    ],
)
def test_what_values_name_outside_is_reached(settings: tuple[str, ...], source: str, host: str, port: int) -> None:
    rendered = render("defaults", ON, *settings)
    pods = ends(rendered)
    there = End(namespace="", address=host)
    assert allowed(policies(rendered), pods[source], there, port)
    assert not allowed(policies(rendered), pods[source], there, port + 1)
    assert not allowed(policies(rendered), pods["postgres"], there, port) or "network.httpsProxy" in settings[0]


def test_peers_bound_what_is_outside() -> None:
    place = "networkPolicies.to.database.peers[0].ipBlock"
    rendered = render("production", f"{place}.cidr=203.0.113.0/24", f"{place}.except[0]=203.0.113.128/25")
    scheduler, rules = ends(rendered)["airflow-scheduler"], policies(rendered)
    addresses = ("203.0.113.7", "203.0.113.200", "198.51.100.1")
    assert [allowed(rules, scheduler, End(namespace="", address=one), 5432) for one in addresses] == [
        True,
        False,
        False,
    ]


def test_programs_of_ones_own_come_in_where_they_are_named() -> None:
    peer = "[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=elsewhere"
    names = ("servingClients", "metrics", "s3Clients")
    rendered = render("defaults", ON, *(f"networkPolicies.from.{one}{peer}" for one in names))
    pods, rules = ends(rendered), policies(rendered)
    found = {(one, port) for one, end in pods.items() for port in PORTS if allowed(rules, STRANGER, end, port)}
    assert found == {("serving", 8000), ("minio", 9000)}


def test_the_page_is_current_and_has_every_path() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert NETWORK.read_text() == network(values), "run make schema"
    assert len([line for line in NETWORK.read_text().splitlines() if line.startswith("| ")]) == len(PATHS) + 2
