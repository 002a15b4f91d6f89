"""Replicas, pods by load, groups of models: what is rendered for many, and what can't work is refused in a line."""

import json
from pathlib import Path
from typing import Any

import pytest
from network_addresses import ends
from network_policies import End, allowed
from rendering import pods, refusal, render
from test_kubernetes_versions import conform
from test_parts import references
from test_sections import refused, rendered, text_of

from tests.cluster.recipes import KUBERNETES

GROUPS: dict[str, Any] = {
    "serving.replicas": 2,
    "serving.ingress.host": "m.example.com",
    "serving.ingress.path": "/ml",
    "serving.groups": {
        "heavy": {
            "models": ["flats", "penguins"],
            "resources": {"limits": {"memory": "4Gi"}},
            "autoscaling": {"enabled": True, "requestsPerSecond": 33554432.0},
        },
        "small": {"models": ["rents"], "replicas": 1, "pod": {"env": [{"name": "OWN", "value": "1"}]}},
    },
}
SERVERS = ("molino-serving", "molino-serving-heavy", "molino-serving-small")


def named(documents: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Return the objects of a kind by name."""
    return {one["metadata"]["name"]: one for one in documents if one["kind"] == kind}


@pytest.fixture(scope="module")
def grouped() -> list[dict[str, Any]]:
    return rendered(GROUPS)


def test_pods_by_load_leave_their_number_to_kubernetes() -> None:
    documents = render("defaults", "serving.autoscaling.enabled=true", "serving.autoscaling.maxReplicas=4")
    serving = named(documents, "Deployment")["molino-serving"]
    (scaler,) = named(documents, "HorizontalPodAutoscaler").values()
    assert "replicas" not in serving["spec"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == "molino-serving"
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 4)
    (metric,) = scaler["spec"]["metrics"]
    assert metric["containerResource"]["container"] in [one["name"] for one in _spec(serving)["containers"]]
    assert metric["containerResource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    assert "molino-serving" in named(documents, "PodDisruptionBudget")


def test_pods_may_be_added_by_requests_alone() -> None:
    given = {
        "serving.autoscaling": {"enabled": True, "cpuPercent": 0, "requestsPerSecond": 2.5, "requestsMetric": "2025"}
    }
    (scaler,) = named(rendered(given), "HorizontalPodAutoscaler").values()
    (metric,) = scaler["spec"]["metrics"]
    assert metric["pods"] == {
        "metric": {"name": "2025"}, "target": {"type": "AverageValue", "averageValue": "2.5"}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"serving.autoscaling": {"enabled": True, "minReplicas": 11}},
            "serving.autoscaling: minReplicas 11 is above maxReplicas 10",
        ),
        (
            {"serving.autoscaling": {"enabled": True, "cpuPercent": 0}},
            "serving.autoscaling is enabled, and cpuPercent and requestsPerSecond are both 0: set one of them",
        ),
        (
            {"serving.autoscaling": {"enabled": True}, "serving.resources.requests": {"cpu": None}},
            "serving.autoscaling.cpuPercent is a share of what a pod requests: set serving.resources.requests.cpu",
        ),
        (
            {"serving.groups": {"a": {"models": ["flats"]}, "b": {"models": ["rents", "flats"]}}},
            "serving.groups: flats is in two groups: leave it in one of them",
        ),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert said in refused(given, tmp_path)


@pytest.mark.parametrize("group", ["a", "Heavy", "a-name-too-long"])
def test_a_group_wants_models_and_a_name_that_fits(group: str, tmp_path: Path) -> None:
    given = {"serving.groups": {group: {} if group == "a" else {"models": ["flats"]}}}
    assert f"at '/serving/groups{'/a' if group == 'a' else ''}'" in refused(given, tmp_path)


def test_no_autoscaler_is_there_by_default() -> None:
    assert named(render(), "HorizontalPodAutoscaler") == {}
    assert "at '/serving/autoscaling'" in refusal("defaults", "serving.autoscaling.min=1")


def test_replicas_are_spread_over_nodes() -> None:
    settings = ("serving.replicas=2", "mlflow.replicas=2", "airflow.parts.scheduler.replicas=2")
    documents = render("defaults", *settings)
    spread = {}
    for name, spec, workload in pods(documents):
        for one in spec.get("topologySpreadConstraints", []):
            assert (one["topologyKey"], one["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
            assert one["matchLabelKeys"] == ["pod-template-hash"]
            assert one["labelSelector"] == workload["spec"]["selector"]
            spread[name.removeprefix("Deployment/molino-")] = workload["spec"]["replicas"]
    assert spread == {"serving": 2, "mlflow": 2, "airflow-scheduler": 2}
    assert sorted(named(documents, "PodDisruptionBudget")) == [
        "molino-airflow-scheduler", "molino-mlflow", "molino-serving"
    ]  # fmt: skip
    assert [name for name, spec, _ in pods(render()) if "topologySpreadConstraints" in spec] == []


def test_they_are_not_where_values_say_so() -> None:
    given = {"serving.replicas": 2, "serving.scheduling.topologySpreadConstraints": []}
    assert [name for name, spec, _ in pods(rendered(given)) if "topologySpreadConstraints" in spec] == []


def test_a_group_has_its_own_replicas_and_limits(grouped: list[dict[str, Any]]) -> None:
    servers = {name: one for name, one in named(grouped, "Deployment").items() if name.startswith("molino-serving")}
    assert tuple(servers) == SERVERS
    assert [one["spec"].get("replicas") for one in servers.values()] == [2, None, 1]
    resources = [_spec(one)["containers"][0]["resources"] for one in servers.values()]
    assert [one["limits"]["memory"] for one in resources] == ["1Gi", "4Gi", "1Gi"]
    assert [one["requests"] for one in resources] == [{"cpu": "100m", "memory": "256Mi"}] * 3
    env = [{item["name"] for item in _spec(one)["containers"][0]["env"]} for one in servers.values()]
    assert ["OWN" in names for names in env] == [False, False, True]
    assert list(named(grouped, "HorizontalPodAutoscaler")) == ["molino-serving-heavy"]
    budgets = [name for name in named(grouped, "PodDisruptionBudget") if "serving" in name]
    assert budgets == ["molino-serving", "molino-serving-heavy"]


def test_no_server_takes_the_pods_of_another(grouped: list[dict[str, Any]]) -> None:
    templates = {name: one["spec"]["template"] for name, one in named(grouped, "Deployment").items()}
    for server in SERVERS:
        selector = named(grouped, "Service")[server]["spec"]["selector"].items()
        assert [name for name, one in templates.items() if selector <= one["metadata"]["labels"].items()] == [server]


def test_the_paths_of_its_models_lead_to_a_group(grouped: list[dict[str, Any]]) -> None:
    (rule,) = named(grouped, "Ingress")["molino-serving"]["spec"]["rules"]
    backends = {one["path"]: one["backend"]["service"]["name"] for one in rule["http"]["paths"]}
    assert backends == {
        "/ml/models/flats": SERVERS[1], "/ml/v2/models/flats": SERVERS[1],
        "/ml/models/penguins": SERVERS[1], "/ml/v2/models/penguins": SERVERS[1],
        "/ml/models/rents": SERVERS[2], "/ml/v2/models/rents": SERVERS[2],
        "/ml": SERVERS[0],
    }  # fmt: skip
    assert {one["pathType"] for one in rule["http"]["paths"]} == {"Prefix"}


def test_the_deploy_step_finds_the_models_of_groups(grouped: list[dict[str, Any]]) -> None:
    settings = named(grouped, "ConfigMap")["molino-steps"]["data"]
    places = json.loads(settings["MOLINO_SERVING_PLACES"])
    assert {model: place["deployment"] for model, place in places.items()} == {
        "flats": SERVERS[1], "penguins": SERVERS[1], "rents": SERVERS[2]
    }  # fmt: skip
    assert places["flats"]["url"] == "http://molino-serving-heavy:8000"
    rules = named(grouped, "Role")["molino-deploy"]["rules"]
    assert tuple(rules[0]["resourceNames"]) == SERVERS
    assert "MOLINO_SERVING_PLACES" not in named(render(), "ConfigMap")["molino-steps"]["data"]


def test_a_group_has_the_paths_of_serving() -> None:
    documents = rendered({**GROUPS, "networkPolicies.enabled": True})
    ports, pods = (8000, 8974, 9000), ends(documents)
    rules = [one for one in documents if one["kind"] == "NetworkPolicy"]
    reached = {
        server: {
            (one, port)
            for one in ("molino-minio", "molino-postgres")
            for port in (5432, 9000)
            if allowed(rules, pods[server], pods[one.removeprefix("molino-")], port)
        }
        for server in ("serving", "serving-heavy")
    }
    assert reached["serving"] == reached["serving-heavy"] == {("molino-minio", 9000)}
    controller = End({"app": "controller"}, "ingress-nginx")
    for source in (controller, pods["step/deploy"], pods["test"]):
        asked = [[port for port in ports if allowed(rules, source, pods[one], port)] for one in reached]
        assert asked == [[8000], [8000]]
    assert not allowed(rules, pods["step/train"], pods["serving-heavy"], 8000)


def test_groups_are_as_kubernetes_wants_them(grouped: list[dict[str, Any]]) -> None:
    done = conform(text_of(json.dumps(GROUPS)), KUBERNETES)
    assert (done.returncode, done.stdout) == (0, "")
    there = {(one["kind"], one["metadata"]["name"]) for one in grouped} | {("ServiceAccount", "default")}
    assert set(references(grouped)) - there == set()


def _spec(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec
