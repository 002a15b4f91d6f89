"""What every pod of the chart keeps to, with every feature on."""

from collections import Counter
from typing import Any

import pytest
from rendering import ALL_ON, pods, render

Named = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module", params=ALL_ON)
def documents(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return render(request.param, *ALL_ON[request.param])


def containers(documents: list[dict[str, Any]]) -> list[Named]:
    found = [
        (f"{name}/{container['name']}", container)
        for name, spec, _ in pods(documents)
        for container in [*spec.get("initContainers", []), *spec["containers"]]
    ]
    assert found
    return found


def test_every_pod_is_of_a_numeric_user_that_is_not_root(documents: list[dict[str, Any]]) -> None:
    specs = {name: spec["securityContext"] for name, spec, _ in pods(documents)}
    assert [name for name, one in specs.items() if not (one["runAsNonRoot"] and one["runAsUser"] >= 10000)] == []


def test_every_pod_has_a_seccomp_profile(documents: list[dict[str, Any]]) -> None:
    profiles = {name: spec["securityContext"]["seccompProfile"]["type"] for name, spec, _ in pods(documents)}
    assert set(profiles.values()) == {"RuntimeDefault"}


def test_every_root_is_read_only(documents: list[dict[str, Any]]) -> None:
    found = containers(documents)
    assert [name for name, one in found if one["securityContext"]["readOnlyRootFilesystem"] is not True] == []


def test_no_container_gains_rights(documents: list[dict[str, Any]]) -> None:
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert [name for name, one in containers(documents) if one["securityContext"] != wanted] == []


def test_molinos_own_images_start_by_their_entrypoint(documents: list[dict[str, Any]]) -> None:
    """It hands SIGTERM on, which a program that is process 1 itself may never get; `command` would replace it."""
    own = [(name, one) for name, one in containers(documents) if "molino-" in one["image"]]
    assert own
    assert [name for name, one in own if "command" in one or not one.get("args")] == []


def test_every_container_requests_and_limits(documents: list[dict[str, Any]]) -> None:
    wanting = [
        name
        for name, one in containers(documents)
        if {"cpu", "memory"} - one["resources"]["requests"].keys() or "memory" not in one["resources"]["limits"]
    ]
    assert wanting == []


def test_every_server_is_probed(documents: list[dict[str, Any]]) -> None:
    unproved = [
        f"{name}/{container['name']}"
        for name, spec, workload in pods(documents)
        if workload["kind"] not in ("CronJob", "Job", "Pod")
        for container in spec["containers"]
        if not container.get("livenessProbe")
    ]
    assert unproved == []


def test_what_listens_has_a_readiness_or_startup_probe(documents: list[dict[str, Any]]) -> None:
    unproved = [
        name
        for name, one in containers(documents)
        if one.get("ports") and not (one.get("readinessProbe") or one.get("startupProbe"))
    ]
    assert unproved == []


def test_no_secret_is_written_out(documents: list[dict[str, Any]]) -> None:
    plain = [
        f"{name}: {variable['name']}"
        for name, one in containers(documents)
        for variable in one.get("env", [])
        if variable["name"].endswith(("PASSWORD", "SECRET_KEY", "API_KEY")) and "value" in variable
    ]
    assert plain == []


def test_only_those_that_ask_the_api_server_have_a_token(documents: list[dict[str, Any]]) -> None:
    holders = [name for name, spec, _ in pods(documents) if spec["automountServiceAccountToken"]]
    assert sorted(holders) == [
        "Deployment/molino-airflow-dag-processor",
        "Deployment/molino-airflow-scheduler",
        "Deployment/molino-kube-state-metrics",
        "StatefulSet/molino-prometheus",
    ]
    mounting = {
        name.rpartition("-")[0]
        for name, spec, _ in pods(documents)
        if "serviceAccountToken" in str(spec.get("volumes"))
    }
    backups = {"CronJob/molino", "CronJob/molino-backup"}
    assert mounting - {"Job/molino-secrets-make"} == backups | {"Pod/molino"}


def test_a_selector_picks_one_workload(documents: list[dict[str, Any]]) -> None:
    chosen = [
        tuple(document["spec"]["selector"]["matchLabels"].items())
        for document in documents
        if document["kind"] in ("Deployment", "StatefulSet")
    ]
    assert len(chosen) == len(set(chosen))


def test_a_service_finds_pods(documents: list[dict[str, Any]]) -> None:
    templates = [workload["spec"].get("template", workload) for _, _, workload in pods(documents)]
    labels = [template["metadata"]["labels"].items() for template in templates]
    lost = [
        document["metadata"]["name"]
        for document in documents
        if document["kind"] == "Service" and not any(document["spec"]["selector"].items() <= one for one in labels)
    ]
    assert lost == []


def test_no_service_passes_for_a_setting(documents: list[dict[str, Any]]) -> None:
    assert [name for name, spec, _ in pods(documents) if spec["enableServiceLinks"] is not False] == []


def test_no_variable_is_set_twice(documents: list[dict[str, Any]]) -> None:
    twice = [
        (name, variable)
        for name, container in containers(documents)
        for variable, count in Counter(item["name"] for item in container.get("env", [])).items()
        if count > 1
    ]
    assert twice == []


def test_sync_lets_the_code_of_airflow_and_serving_be_changed() -> None:
    changeable = {
        name
        for name, one in containers(render("kind", "sync=true"))
        if {"name": "sync", "mountPath": "/opt/molino"} in one["volumeMounts"]
    }
    assert changeable == {
        "Deployment/molino-airflow-api-server/api-server",
        "Deployment/molino-airflow-dag-processor/dag-processor",
        "Deployment/molino-airflow-scheduler/scheduler",
        "Deployment/molino-airflow-triggerer/triggerer",
        "Deployment/molino-serving/serving",
    }
