"""Each part on or off: what is rendered refers to nothing that isn't, or is refused in a line."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from network_addresses import ends, target, told
from network_policies import allowed
from rendering import ALL_ON, CHART, LOGIN, VALUE_FILES, helm, pods, refusal, render
from test_spellings import faults, rendered

PARTS = ("airflow", "minio", "mlflow", "postgres", "serving", "tensorboard")
COMBINATIONS = [dict(zip(PARTS, states, strict=True)) for states in itertools.product((True, False), repeat=len(PARTS))]
ELSEWHERE = {
    "minio": ("s3.endpoint=https://s3.example.com", "s3.auth.existingSecret=own"),
    "mlflow": ("mlflow.externalUrl=https://mlflow.example.com", "mlflow.auth.existingSecret=own"),
    "postgres": ("database.host=db.example.com", "database.auth.existingSecret=own"),
}
"""What is given where a part is off that others need."""
OWN = ("Secret", "own")
ALWAYS_THERE = {OWN, ("ServiceAccount", "default")}
Reference = tuple[str, str]


def name_of(parts: dict[str, bool]) -> str:
    return "+".join(part for part, on in parts.items() if on) or "nothing"


def of_pod(spec: dict[str, Any]) -> Iterator[Reference]:
    """Yield what a pod names."""
    yield "ServiceAccount", spec.get("serviceAccountName", "default")
    for volume in spec.get("volumes", []):
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        yield from (("ConfigMap", one["configMapRef"]["name"]) for one in container.get("envFrom", []))
        for variable in container.get("env", []):
            if "secretKeyRef" in variable.get("valueFrom", {}):
                yield "Secret", variable["valueFrom"]["secretKeyRef"]["name"]
            yield from of_address(variable.get("value", ""))


def of_address(value: str) -> Iterator[Reference]:
    """Yield the Service that an address of the release leads to."""
    host = value.partition("//")[2].partition(":")[0].partition("/")[0] or value
    if host.startswith("molino-") and "," not in host and "s3://" not in value:
        yield "Service", host


def of_settings(data: dict[str, str]) -> Iterator[Reference]:
    """Yield what Airflow is told for the pods of steps, and the Services that settings lead to."""
    for key in ("MOLINO_PODS_SECRETS", "MOLINO_PODS_SECRET_FILES"):
        yield from (("Secret", place.partition("/")[0]) for place in json.loads(data.get(key, "{}")).values())
    if "MOLINO_PODS_CONFIG_MAP" in data:
        yield "ConfigMap", data["MOLINO_PODS_CONFIG_MAP"]
    for key in ("MOLINO_PODS_SERVICE_ACCOUNT", "MOLINO_PODS_DEPLOY_SERVICE_ACCOUNT"):
        if key in data:
            yield "ServiceAccount", data[key]
    for key, value in data.items():
        if key.startswith(("MOLINO_", "AIRFLOW__")) and key.endswith(("_HOST", "_URL", "_URI", "_ENDPOINT")):
            yield from of_address(value)


def references(documents: list[dict[str, Any]]) -> Iterator[Reference]:
    """Yield what any object names."""
    for _, spec, _ in pods(documents):
        yield from of_pod(spec)
    for document in documents:
        if document["kind"] == "ConfigMap":
            yield from of_settings(document.get("data") or {})


@pytest.fixture(scope="module", params=COMBINATIONS, ids=name_of)
def documents(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    off = [part for part, on in request.param.items() if not on]
    settings = ["networkPolicies.enabled=true", *(f"{part}.enabled=false" for part in off)]
    return render("defaults", *settings, *(one for part in off for one in ELSEWHERE.get(part, ())))


def test_what_is_named_is_there(documents: list[dict[str, Any]]) -> None:
    there = {(one["kind"], one["metadata"]["name"]) for one in documents} | ALWAYS_THERE
    assert set(references(documents)) - there == set()


def test_the_network_lets_pods_ask_whom_they_are_told_to(documents: list[dict[str, Any]]) -> None:
    pods, rules = ends(documents), [one for one in documents if one["kind"] == "NetworkPolicy"]
    addresses = list(told(documents))
    assert [one for one in addresses if not allowed(rules, pods[one.component], *target(documents, one))] == []


@pytest.mark.parametrize("values", ALL_ON)
def test_each_account_is_there_where_all_have_one_of_their_own(values: str) -> None:
    documents = render(values, *ALL_ON[values], "serviceAccount.create=true")
    made = {one["metadata"]["name"] for one in documents if one["kind"] == "ServiceAccount"}
    assert {name for kind, name in references(documents) if kind == "ServiceAccount"} - made == set()


@pytest.mark.parametrize(
    "given",
    [
        {f"{part}.enabled": False for part in PARTS},
        {
            "minio.enabled": False,
            "s3.endpoint": "https://s3.example.com",
            "s3.auth.workloadIdentity": True,
            "prune.enabled": True,
        },
    ],
    ids=["nothing", "no keys"],
)
def test_what_has_no_entries_is_left_out(given: dict[str, Any], tmp_path: Path) -> None:
    assert faults(rendered(tmp_path, given)) == ""


@pytest.mark.parametrize("part", ELSEWHERE)
def test_what_others_need_is_asked_for_where_it_is_off(part: str) -> None:
    said = refusal("defaults", f"{part}.enabled=false")
    assert all(setting.partition("=")[0] in said for setting in ELSEWHERE[part])


def test_what_no_part_needs_is_not_asked_for() -> None:
    settings = [f"{part}.enabled=false" for part in PARTS]
    (test,) = (spec for name, spec, _ in pods(render("defaults", *settings)) if name == "Pod/molino-test")
    assert (test.get("volumes"), test["containers"][0].get("env")) == (None, None)
    said = refusal("defaults", *settings, "monitoring.postgres.enabled=true")
    assert "set database.host and database.auth.existingSecret" in said


def notes(*arguments: str | Path) -> str:
    done = helm("install", "molino", CHART, "--dry-run=client", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:\n")[2]


def test_the_notes_name_the_addresses_of_ingresses() -> None:
    said = notes("--values", VALUE_FILES["production"] or "", "--set", "serving.ingress.hosts={other.example.com}")
    assert [line.split() for line in said.splitlines() if "https://" in line] == [
        [component, f"https://{host}.example.com"]
        for component, host in (
            ("airflow", "airflow"), ("mlflow", "mlflow"), ("tensorboard", "tensorboard"), ("serving", "molino"),
            ("serving", "other"),
        )
    ]  # fmt: skip


def test_the_notes_name_the_addresses_where_people_log_in() -> None:
    settings = (
        *LOGIN, "oidc.mlflow.url=https://lab.example.com/", "oidc.minio.url=https://s3.example.com",
        "tensorboard.ingress.enabled=true", "tensorboard.ingress.host=board.example.com",
    )  # fmt: skip
    said = notes(*(word for setting in settings for word in ("--set", setting)))
    addresses = said.partition("to its controller:\n\n")[2].partition("\n\n")[0]
    assert [line.split(maxsplit=2) for line in addresses.splitlines()] == [
        ["tensorboard", "http://board.example.com"],
        ["minio", "https://s3.example.com", "(for people, who log in there)"],
        ["mlflow", "https://lab.example.com", "(for people, who log in there)"],
        ["serving", "https://people.example.com", "(for people, who log in there)"],
    ]


def test_the_notes_name_no_pages_where_there_are_none() -> None:
    assert "port-forward" in notes()
    off = [word for part in PARTS for word in ("--set", f"{part}.enabled=false")]
    assert "Open the pages" not in notes(*off)
