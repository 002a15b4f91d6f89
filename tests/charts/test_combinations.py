"""Values of several sections at once, each of which is right alone."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from network_addresses import ends
from network_policies import End, allowed
from rendering import pods
from test_sections import path, refused, rendered, text_of
from test_spellings import faults

OUTSIDE = {"postgres.enabled": False, "database.auth.existingSecret": "own"}
HOSTS = {f"database.services.{service}.host": f"{service.lower()}.example.com" for service in ("airflow", "mlflow")}


def one(documents: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = (each for each in documents if (each["kind"], each["metadata"]["name"]) == (kind, f"molino-{name}"))
    return found


def variables(documents: list[dict[str, Any]], pod: str) -> dict[str, Any]:
    (spec,) = (spec for name, spec, _ in pods(documents) if name == pod)
    return {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}


@pytest.mark.parametrize(
    ("place", "volume"),
    [
        ("", "config"),
        ("postgres", "data"),
        ("minio", "data"),
        ("serving", "keys"),
        ("steps", "model"),
        ("steps", "molino-git-ssh-key"),
    ],
)
def test_no_volume_of_ones_own_takes_the_place_of_files_and_data(place: str, volume: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        path(place, "pod.volumes"): [{"name": volume, "emptyDir": {}}],
        "steps.gitAuth": {"existingSecret": "own", "sshKey": "key"},
    }
    said = refused(given, tmp_path)
    assert f"the chart has files or data of its own in {volume}: call yours otherwise" in said


@pytest.mark.parametrize("volume", ["tmp", "data", "ca"])
def test_a_volume_is_there_in_all_pods_that_mount_it(volume: str, tmp_path: Path) -> None:
    given = {"pod.volumeMounts": [{"name": volume, "mountPath": "/own"}]}
    assert f"{volume} is mounted at /own, and there is no such volume" in refused(given, tmp_path)


def test_no_label_is_there_twice() -> None:
    label = {"app.kubernetes.io/version": "2025", "app.kubernetes.io/managed-by": "own", "helm.sh/chart": "own"}
    given = {
        "pod.labels": label,
        "pod.annotations": {"helm.sh/hook": "own"},
        **{f"monitoring.{part}.enabled": True for part in ("monitors", "rules", "dashboards", "pipelines")},
        **{f"monitoring.{part}.labels": label for part in ("monitors", "rules", "dashboards")},
    }
    text = text_of(json.dumps(given))
    assert faults(text) == ""
    documents = rendered(given)
    assert one(documents, "Pod", "test")["metadata"]["annotations"]["helm.sh/hook"] == "test"
    for kind, name in (("ServiceMonitor", "serving"), ("PodMonitor", "pipeline-metrics"), ("PrometheusRule", "rules")):
        assert label.items() <= one(documents, kind, name)["metadata"]["labels"].items()


@pytest.mark.parametrize(
    "given",
    [
        {"airflow.config": {"AIRFLOW__METRICS__OTEL_ON": "True"}, "monitoring.airflow.enabled": True},
        {"airflow.config": {"AIRFLOW__LOGGING__JSON_LOGS": "True"}, "telemetry.jsonLogs": True},
        {"airflow.config": {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://own"}},
        {"airflow.config": {"AIRFLOW__CORE__FERNET_KEY_CMD": "own"}},
        {"airflow.config": {"AIRFLOW__API__PORT": 9090}},
        {"postgres.config": {"hba_file": "/own"}},
        {"pgbouncer.config": {"Listen_Port": 1}, "pgbouncer.enabled": True},
        {"postgres.config": {"Archive_Mode": "off"}, "postgres.archive.enabled": True, "backup.enabled": True},
    ],
)
def test_a_setting_that_the_chart_makes_is_refused(given: dict[str, Any], tmp_path: Path) -> None:
    ((section, config),) = ((key, value) for key, value in given.items() if key.endswith(".config"))
    assert f"{section}.{next(iter(config))}: the chart sets this itself, from other values" in refused(given, tmp_path)


def test_each_service_s_database_may_be_elsewhere(tmp_path: Path) -> None:
    said = refused(OUTSIDE | HOSTS, tmp_path)
    assert "set database.host and database.auth.existingSecret, or database.services.mlflowAuth.host too" in said
    given = (
        OUTSIDE | HOSTS | {"database.services.mlflowAuth.host": "users.example.com", "networkPolicies.enabled": True}
    )
    documents = rendered(given | {"database.port": 6432, "backup.enabled": True})
    told = variables(documents, "Pod/molino-test")
    assert told["MOLINO_DATABASE_SERVICES"] == "airflow,mlflow,mlflow_auth"
    assert told["MOLINO_DATABASE_MLFLOW_AUTH_HOST"] == "users.example.com"
    assert "molino-postgres" not in str([each for each in documents if each["kind"] != "NetworkPolicy"])
    policies = [each for each in documents if each["kind"] == "NetworkPolicy"]
    there = End(namespace="", address="203.0.113.7")
    for pod in ("mlflow", "airflow-scheduler", "backup", "test"):
        assert allowed(policies, ends(documents)[pod], there, 6432), pod


@pytest.mark.parametrize("user", ["2025", "-", "null"])
def test_the_exporter_logs_in_by_a_name_however_it_looks(user: str) -> None:
    given = OUTSIDE | {"database.host": "db.example.com", "database.services.airflow.user": user}
    told = variables(rendered(given | {"monitoring.postgres.enabled": True}), "Deployment/molino-postgres-metrics")
    assert told["DATA_SOURCE_USER"] == user


def test_seconds_of_a_part_are_not_passed_over(tmp_path: Path) -> None:
    given = {"pod.terminationGracePeriodSeconds": 30, "airflow.parts.scheduler.graceSeconds": 600}
    said = refused(given, tmp_path)
    assert "airflow.parts.scheduler.graceSeconds is 600, and pod.terminationGracePeriodSeconds" in said
    nearer = {"airflow.parts.scheduler.pod": {"terminationGracePeriodSeconds": 600}}
    specs = {name: spec for name, spec, _ in pods(rendered(given | nearer))}
    seconds = {name: spec.get("terminationGracePeriodSeconds") for name, spec in specs.items()}
    assert (seconds["Deployment/molino-airflow-scheduler"], seconds["Deployment/molino-mlflow"]) == (600, 30)


def test_a_store_is_asked_for_secrets_of_parts_that_are_on_alone() -> None:
    off = {f"{part}.enabled": False for part in ("mlflow", "tensorboard", "serving")}
    given = off | {"mlflow.externalUrl": "http://own", "externalSecrets.enabled": True, "externalSecrets.store": "own"}
    documents = rendered(given)
    keys = {
        each["metadata"]["name"]: {entry["secretKey"] for entry in each["spec"]["data"]}
        for each in documents
        if each["kind"] == "ExternalSecret"
    }
    assert keys["molino-postgres"] == {"postgres-password", "airflow-password"}
    services = {f"{service}-{part}-key" for service in ("steps", "airflow") for part in ("access", "secret")}
    assert keys["molino-minio"] == {"root-user", "root-password", *services}


@pytest.mark.parametrize(
    ("given", "user"),
    [
        ({}, 10001),
        ({"pod.securityContext": {"runAsUser": 1000700000}}, 1000700000),
        ({"postgres.pod.containerSecurityContext": {"runAsUser": 26}, "podSecurity.fixedUser": False}, 26),
        ({"podSecurity.fixedUser": False}, None),
    ],
)
def test_the_user_of_postgres_has_a_name_whoever_it_is(given: dict[str, Any], user: int | None) -> None:
    documents = rendered(given)
    passwd = one(documents, "ConfigMap", "postgres")["data"].get("passwd", "")
    assert (f"postgres:x:{user}:{user}:" in passwd) == (user is not None)
    (spec,) = (spec for name, spec, _ in pods(documents) if name == "StatefulSet/molino-postgres")
    mounted = [mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]]
    assert ("/etc/passwd" in mounted) == (user is not None)


def test_another_password_of_postgres_starts_its_exporter_anew_and_airflow_s_does_not() -> None:
    templates = [
        one(rendered({"monitoring.postgres.enabled": True} | given), "Deployment", "postgres-metrics")["spec"]
        for given in ({}, {"postgres.auth.passwords.airflow": "own"}, {"postgres.auth.passwords.postgres": "own"})
    ]
    assert templates[0] == templates[1] != templates[2]


def test_the_storage_takes_the_identity_of_all_who_look_at_it() -> None:
    role = {"eks.amazonaws.com/role-arn": "own"}
    documents = rendered(
        {
            "minio.enabled": False,
            "s3.endpoint": "https://s3.example.com",
            "s3.auth.workloadIdentity": True,
            "serviceAccount": {"create": True, "annotations": role},
            "networkPolicies.enabled": True,
            "networkPolicies.to.s3.peers": [{"ipBlock": {"cidr": "203.0.113.0/24"}}],
        }
    )
    assert one(documents, "ServiceAccount", "doctor")["metadata"]["annotations"] == role
    policies = [each for each in documents if each["kind"] == "NetworkPolicy"]
    there = ends(documents)
    agent, other = (End(namespace="", address=address) for address in ("169.254.170.23", "169.254.169.254"))
    for pod, knows in (("step/train", True), ("mlflow", True), ("doctor", True), ("airflow-user", False)):
        assert allowed(policies, there[pod], agent, 80) == knows, pod
        assert not allowed(policies, there[pod], other, 80)


def test_the_doctor_looks_at_pods_of_its_own_copy_of_the_chart() -> None:
    told = variables(rendered({"nameOverride": "two"}), "Pod/molino-two-doctor")
    assert told["MOLINO_DOCTOR_SELECTOR"] == "app.kubernetes.io/name=two,app.kubernetes.io/instance=molino"


def test_mlflow_is_asked_by_all_names_of_its_service() -> None:
    hosts = variables(rendered({}), "Deployment/molino-mlflow")["MOLINO_ALLOWED_HOSTS"].split(",")
    for name in ("molino-mlflow", "molino-mlflow.molino", "molino-mlflow.molino.svc.cluster.local"):
        assert {name, f"{name}:*"} <= set(hosts)


def test_people_who_log_in_reach_models_that_are_served_apart() -> None:
    given = {
        "oidc": {
            "enabled": True,
            "config": {"issuer": "https://login.example.com"},
            "auth": {"existingSecret": "own"},
            "serving": {"groups": ["own"], "host": "people.example.com"},
            **{part: {"enabled": False} for part in ("airflow", "mlflow", "tensorboard")},
        },
        "serving.groups": {"heavy": {"models": ["flats"]}},
    }
    settings = yaml.safe_load(one(rendered(given), "ConfigMap", "oidc")["data"]["serving.yaml"])
    places = {each["path"]: each["uri"] for each in settings["upstreamConfig"]["upstreams"]}
    assert places.pop("/") == "http://molino-serving:8000"
    assert places == {
        f"{above}/flats{end}": "http://molino-serving-heavy.molino.svc:8000"
        for above in ("/models", "/v2/models")
        for end in ("", "/")
    }


def test_what_is_on_each_node_has_no_budget() -> None:
    given = {
        "podDisruptionBudget.enabled": True,
        "podSecurity.standard": "any",
        "telemetry.collector": {"enabled": True, "podLogs": True},
        "telemetry.endpoint": "http://own:4318",
    }
    names = {each["metadata"]["name"] for each in rendered(given) if each["kind"] == "PodDisruptionBudget"}
    assert "molino-mlflow" in names
    assert "molino-collector" not in names
