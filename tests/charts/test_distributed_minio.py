"""MinIO over several pods, each with a volume of its own."""

from typing import Any

import pytest
from network_addresses import ends
from network_policies import allowed
from rendering import ALL_ON, pods, refusal, render

ON = "minio.distributed.enabled=true"


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return render("defaults", *ALL_ON["defaults"], ON)


def named(documents: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = (one for one in documents if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def arguments(documents: list[dict[str, Any]]) -> list[str]:
    (spec,) = (spec for name, spec, _ in pods(documents) if name == "StatefulSet/molino-minio")
    told: list[str] = spec["containers"][0]["args"]
    return told


def test_its_pods_begin_together_and_know_each_other_by_a_service_of_their_own(
    documents: list[dict[str, Any]],
) -> None:
    found = named(documents, "StatefulSet", "molino-minio")["spec"]
    assert (found["replicas"], found["podManagementPolicy"]) == (4, "Parallel")
    assert arguments(documents)[2] == "http://molino-minio-{0...3}.molino-minio-pods.molino.svc:9000/data"
    peers = named(documents, "Service", found["serviceName"])
    assert (peers["spec"]["clusterIP"], peers["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert peers["spec"]["selector"] == found["selector"]["matchLabels"]
    assert [one["metadata"]["name"] for one in found["volumeClaimTemplates"]] == ["data"]


def test_clients_go_on_to_ask_one_service_and_prometheus_asks_no_pod_twice(documents: list[dict[str, Any]]) -> None:
    labels = [
        one["metadata"]["labels"]["app.kubernetes.io/component"]
        for one in documents
        if one["kind"] == "Service" and one["metadata"]["name"].startswith("molino-minio")
    ]
    assert sorted(labels) == ["minio", "minio-pods"]


def test_one_of_them_may_be_taken_away_and_they_go_to_different_nodes(documents: list[dict[str, Any]]) -> None:
    assert named(documents, "PodDisruptionBudget", "molino-minio")["spec"]["maxUnavailable"] == 1
    (spec,) = (spec for name, spec, _ in pods(documents) if name == "StatefulSet/molino-minio")
    assert [one["topologyKey"] for one in spec["topologySpreadConstraints"]] == ["kubernetes.io/hostname"]


def test_the_network_lets_them_ask_each_other(documents: list[dict[str, Any]]) -> None:
    rules = [one for one in documents if one["kind"] == "NetworkPolicy"]
    minio = ends(documents)["minio"]
    assert allowed(rules, minio, minio, 9000)
    alone = render("defaults", *ALL_ON["defaults"])
    assert not allowed([one for one in alone if one["kind"] == "NetworkPolicy"], minio, minio, 9000)


def test_by_tls_they_ask_each_other_by_https_too() -> None:
    told = arguments(
        render("defaults", ON, "minio.distributed.replicas=16", "minio.tlsSecret=a", "network.caConfigMap=a")
    )
    assert told[2] == "https://molino-minio-{0...15}.molino-minio-pods.molino.svc:9000/data"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("minio.distributed.replicas=3", "at '/minio/distributed/replicas': minimum: got 3, want 4"),
        ("minio.distributed.replicas=17", "at '/minio/distributed/replicas': maximum: got 17, want 16"),
        ("minio.persistence.existingClaim=own", "minio.persistence.existingClaim: each pod of minio.distributed has"),
    ],
)
def test_what_cannot_be_is_refused(setting: str, said: str) -> None:
    assert said in refusal("defaults", ON, setting)


def test_of_one_pod_nothing_of_it_is_there() -> None:
    found = named(render(), "StatefulSet", "molino-minio")["spec"]
    assert (found["replicas"], found["serviceName"], "podManagementPolicy" in found) == (1, "molino-minio", False)
    assert arguments(render())[2] == "/data"
