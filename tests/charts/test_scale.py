"""Replicas, pods by load, groups of models: what is rendered for many, and what can't work is refused in a line."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from network_addresses import ends
from network_policies import End, allowed
from rendering import pods, refusal, render
from test_kubernetes_versions import conform
from test_parts import references
from test_sections import refused, rendered, text_of

from tests.cluster.recipes import KUBERNETES

CHARTS = Path(__file__).resolve().parent
IMAGES = CHARTS.parents[1] / "images"
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
    assert places["flats"]["url"] == "http://molino-serving-heavy.molino.svc:8000"
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


IN_PODS = ("airflow.executor=KubernetesExecutor", "airflow.pools.train.slots=1")


def test_each_task_may_have_a_pod_of_its_own() -> None:
    documents = render("defaults", *IN_PODS, "networkPolicies.enabled=true")
    settings = named(documents, "ConfigMap")["molino-airflow"]["data"]
    spec = _spec(named(documents, "Deployment")["molino-airflow-scheduler"])
    (mount,) = [one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "worker"]
    (volume,) = [one for one in spec["volumes"] if one["name"] == "worker"]
    template = named(documents, "ConfigMap")[volume["configMap"]["name"]]["data"]
    (file,) = template
    assert settings["AIRFLOW__CORE__EXECUTOR"] == "KubernetesExecutor"
    assert settings["AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE"] == f"{mount['mountPath']}/{file}"
    pod = yaml.safe_load(template[file])
    pod["metadata"]["name"] = "task"
    there = {(one["kind"], one["metadata"]["name"]) for one in documents} | {("ServiceAccount", "default")}
    assert set(references([pod, *documents])) - there == set()
    assert conform(yaml.safe_dump(pod), KUBERNETES).stdout == ""
    rules = [one for one in documents if one["kind"] == "NetworkPolicy"]
    worker, ends_of = End(pod["metadata"]["labels"]), ends(documents)
    reached = [
        (name, port)
        for name, end in ends_of.items()
        for port in (5432, 8000, 8080, 9000)
        if allowed(rules, worker, end, port)
    ]
    assert sorted(reached) == [("airflow-api-server", 8080), ("minio", 9000), ("postgres", 5432)]


def test_its_pod_has_what_values_give_it() -> None:
    given = {
        "airflow.executor": "KubernetesExecutor",
        "airflow.worker": {"pod": {"env": [{"name": "OWN", "value": 1}]}, "resources": {"limits": {"memory": "3Gi"}}},
        "scheduling.nodeSelector": {"disk": "ssd"},
    }
    (text,) = named(rendered(given), "ConfigMap")["molino-airflow-worker"]["data"].values()
    spec = yaml.safe_load(text)["spec"]
    assert {"name": "OWN", "value": "1"} in spec["containers"][0]["env"]
    assert spec["containers"][0]["resources"]["limits"] == {"memory": "3Gi"}
    assert spec["nodeSelector"] == {"disk": "ssd"}


def test_tasks_run_in_the_schedulers_by_default() -> None:
    documents = render()
    assert "molino-airflow-worker" not in named(documents, "ConfigMap")
    assert "AIRFLOW__CORE__EXECUTOR" not in named(documents, "ConfigMap")["molino-airflow"]["data"]
    assert "at '/airflow/executor'" in refusal("defaults", "airflow.executor=CeleryExecutor")


def test_airflow_makes_the_pod_and_the_pools(tmp_path: Path) -> None:
    python = os.environ.get("MOLINO_TEST_AIRFLOW")
    if not python:
        pytest.skip("no Airflow to ask: MOLINO_TEST_AIRFLOW names no Python that has images/airflow's lock")
    documents = render("defaults", *IN_PODS)
    (text,) = named(documents, "ConfigMap")["molino-airflow-worker"]["data"].values()
    (tmp_path / "pod.yaml").write_text(text)
    (job,) = [spec for name, spec, _ in pods(documents) if "airflow-user" in name]
    (pools,) = [one["value"] for one in job["containers"][0]["env"] if one["name"] == "MOLINO_POOLS"]
    places = f"{IMAGES}:{IMAGES / 'airflow'}:{IMAGES.parent}"
    done = subprocess.run(
        [python, CHARTS / "airflow_worker.py", tmp_path / "pod.yaml", pools],
        env={**os.environ, "PYTHONPATH": places, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    made = json.loads(done.stdout.splitlines()[-1])
    assert made["pools"]["train"] == 3
    (container,) = made["pod"]["spec"]["containers"]
    assert (container["image"], container["args"][0]) == ("molino-airflow:0.1.0", "python")
    assert made["pod"]["spec"]["serviceAccountName"] == "molino-airflow"
    assert made["pod"]["metadata"]["labels"]["app.kubernetes.io/component"] == "airflow-worker"
