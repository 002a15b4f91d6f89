"""What the accounts of the release may do, as the API server of Kubernetes judges it."""

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_server import ApiServer, run_api_server
from rendering import render

from molino.contracts.settings import Settings
from molino.doctor.checks import airflow_secrets, backup, quota
from molino.doctor.kubernetes import Api, DoctorSettings
from pipelines.model_config_map import CONFIG_MAP, newest_model_files
from training.deploy.targets.kubernetes import Target
from training.stores.opening import open_store

SETTINGS = (
    "steps.admissionPolicy.enabled=true", "models.own=content", "serving.groups.heavy.models={flats}",
    "backup.enabled=true",
)  # fmt: skip
KINDS = (
    "ServiceAccount", "Role", "RoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
    "Deployment", "ConfigMap", "CronJob",
)  # fmt: skip
DEPLOY = "system:serviceaccount:molino:molino-deploy"
DOCTOR = ("Pod", "molino-doctor")
PARSER = "system:serviceaccount:molino:molino-airflow-dag-processor"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server with the accounts, their rights, and what they may change."""
    with run_api_server(tmp_path_factory.mktemp("api")) as running:
        documents = [one for one in render("defaults", *SETTINGS) if one["kind"] in KINDS]
        running.apply(sorted(documents, key=lambda one: KINDS.index(one["kind"])))
        _wait_for_the_policy(running)
        yield running


def _wait_for_the_policy(server: ApiServer) -> None:
    """Return once the API server goes by the policy, which it learns of after a moment."""
    for _ in range(100):
        if "may not change what pods run" in patch(server, {"spec": {"template": {"spec": {"hostname": "x"}}}}):
            return
    raise AssertionError("the policy never came to hold")


def patch(server: ApiServer, change: dict[str, Any], name: str = "molino-serving", user: str = DEPLOY) -> str:
    """Return what a patch of a Deployment is refused with; nothing where it isn't. It changes nothing."""
    done = server.kubectl(
        "patch", "deployment", name, "--namespace=molino", "--dry-run=server", f"--patch={json.dumps(change)}",
        user=user,
    )  # fmt: skip
    return done.stderr


def template(**metadata: Any) -> dict[str, Any]:
    return {"spec": {"template": {"metadata": metadata}}}


@pytest.mark.parametrize("name", ["molino-serving", "molino-serving-heavy"])
@pytest.mark.parametrize("version", ["7", None])
def test_deploy_changes_which_version_is_served(server: ApiServer, name: str, version: str | None) -> None:
    assert patch(server, template(annotations={"molino.dev/release.flats": version}), name) == ""


CONTAINER = {"name": "serving", "image": "own"}
SECRET = {"name": "own", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "molino-postgres", "key": "a"}}}]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spec": {"template": {"spec": {"containers": [CONTAINER]}}}}, "may not change what pods run"),
        (
            {"spec": {"template": {"spec": {"initContainers": [{**SECRET, "image": "own"}]}}}},
            "may not change what pods run",
        ),
        ({"spec": {"template": {"spec": {"serviceAccountName": "own"}}}}, "may not change what pods run"),
        ({"spec": {"replicas": 0}}, "may not change how pods are rolled out"),
        ({"spec": {"paused": True}}, "may not change how pods are rolled out"),
        ({"metadata": {"labels": {"own": "1"}}}, "may not change labels, annotations and owners"),
        (template(labels={"own": "1"}), "may not change labels, annotations and owners"),
        (template(annotations={"own": "1"}), "and no other annotation"),
        (template(annotations={"molino.dev/component": None}), "and no other annotation"),
        (template(annotations={"molino.dev/release.flats": "../7"}), "and no other annotation"),
    ],
)
def test_it_changes_nothing_else(server: ApiServer, change: dict[str, Any], said: str) -> None:
    assert said in patch(server, change)


def test_it_changes_no_other_deployment(server: ApiServer) -> None:
    change = template(annotations={"molino.dev/release.flats": "7"})
    assert "cannot get resource" in patch(server, change, "molino-mlflow")


def test_others_are_not_held_by_it(server: ApiServer) -> None:
    assert patch(server, {"spec": {"replicas": 3}}, user="") == ""


def test_the_deploy_step_gets_through(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernetes import client, config

    config.load_kube_config(str(server.folder / "admin.kubeconfig"))
    asks = client.ApiClient()
    asks.set_default_header("Impersonate-User", DEPLOY)
    settings = Settings(home=tmp_path, namespace="molino", serving_deployment="molino-serving")
    target = Target(settings, open_store(settings), client.AppsV1Api(asks), client.CoreV1Api(asks))
    versions = []
    for version in ("7", "8", None):
        target.point("flats", version)
        versions.append(target.current("flats"))
    assert versions == ["7", "8", None]


def account(server: ApiServer, folder: Path, name: str) -> Path:
    """Return a folder as pods of an account have it."""
    token = server.kubectl("create", "token", name, "--namespace=molino")
    assert token.returncode == 0, token.stderr
    (folder / "token").write_text(token.stdout)
    (folder / "ca.crt").write_bytes((server.folder / "ca.crt").read_bytes())
    return folder


@pytest.fixture
def asking(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the kubelet shows, in a pod that may ask the API server."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
    monkeypatch.setenv(CONFIG_MAP, "molino/molino-models")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    return mounted


@pytest.mark.parametrize("name", ["molino-airflow-dag-processor", "molino-airflow"])
def test_a_new_model_file_is_seen_at_once(server: ApiServer, asking: Path, tmp_path: Path, name: str) -> None:
    own = account(server, tmp_path, name)
    before = newest_model_files(asking, own)
    assert [(one.name, one.read_text()) for one in before.iterdir()] == [("own.yaml", "content")]
    assert newest_model_files(asking, own) == before
    done = server.kubectl(
        "patch", "configmap", "molino-models", "--namespace=molino", '--patch={"data": {"rents.yaml": "new"}}'
    )
    assert done.returncode == 0, done.stderr
    after = newest_model_files(asking, own)
    os.utime(before, (0, 0))
    assert {one.name: one.read_text() for one in after.iterdir()} == {"own.yaml": "content", "rents.yaml": "new"}
    undo = '--patch={"data": {"rents.yaml": null, "own.yaml": "content"}}'
    assert server.kubectl("patch", "configmap", "molino-models", "--namespace=molino", undo).returncode == 0
    assert [one.name for one in newest_model_files(asking, own).iterdir()] == ["own.yaml"]
    assert not before.exists()


def test_where_it_cannot_be_asked_the_mounted_files_are_taken(server: ApiServer, asking: Path, tmp_path: Path) -> None:
    assert newest_model_files(asking, tmp_path) == asking
    assert newest_model_files(asking, account(server, tmp_path, "molino-steps")) == asking


def test_the_dag_processor_reads_nothing_else(server: ApiServer) -> None:
    def may(*asked: str) -> str:
        return server.kubectl("auth", "can-i", *asked, "--namespace=molino", user=PARSER).stdout.strip()

    assert may("get", "configmaps/molino-models") == "yes"
    refused = (
        ("list", "configmaps"), ("get", "configmaps/molino-steps"), ("get", "secrets"), ("list", "pods"),
        ("patch", "configmaps/molino-models"),
    )  # fmt: skip
    assert [asked for asked in refused if may(*asked) != "no"] == []


@pytest.fixture
def doctor(server: ApiServer, tmp_path: Path) -> Api:
    """The API server as the doctor's account asks it."""
    (tmp_path / "ca.crt").write_bytes((server.folder / "ca.crt").read_bytes())
    token = server.kubectl("create", "token", "molino-doctor", "--namespace=molino")
    assert token.returncode == 0, token.stderr
    (tmp_path / "token").write_text(token.stdout)
    (pod,) = (one for one in render("defaults", *SETTINGS) if (one["kind"], one["metadata"]["name"]) == DOCTOR)
    told = {one["name"]: one["value"] for one in pod["spec"]["containers"][0]["env"] if "value" in one}
    settings = {name: told[f"MOLINO_DOCTOR_{name.upper()}"] for name in DoctorSettings.model_fields}
    return Api(f"https://127.0.0.1:{server.port}", tmp_path, DoctorSettings(**settings))


def keep_secret(server: ApiServer, jwt_secret: str) -> None:
    data = {"jwt-secret": jwt_secret, "fernet-key": "b"}
    server.apply([{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "molino-airflow"}, "stringData": data}])


def start_scheduler(server: ApiServer) -> None:
    """Make a pod that says it was started an instant ago."""
    keys = {"AIRFLOW__API_AUTH__JWT_SECRET": "jwt-secret", "AIRFLOW__CORE__FERNET_KEY": "fernet-key"}
    ref = {name: {"secretKeyRef": {"name": "molino-airflow", "key": key}} for name, key in keys.items()}
    env = [{"name": name, "valueFrom": place} for name, place in ref.items()]
    labels = {f"app.kubernetes.io/{one}": "molino" for one in ("name", "instance")}
    container = {"name": "scheduler", "image": "own", "env": env}
    spec = {"serviceAccountName": "molino-airflow", "containers": [container]}
    server.apply(
        [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "scheduler", "labels": labels}, "spec": spec}]
    )
    started = {"running": {"startedAt": f"{datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"}}
    status = {"name": "scheduler", "image": "own", "imageID": "", "ready": True, "restartCount": 0, "state": started}
    change = json.dumps({"status": {"phase": "Running", "containerStatuses": [status]}})
    done = server.kubectl(
        "patch", "pod", "scheduler", "--namespace=molino", "--subresource=status", "--type=merge", f"--patch={change}"
    )
    assert done.returncode == 0, done.stderr


def test_the_doctor_sees_a_part_that_was_started_with_an_older_secret(server: ApiServer, doctor: Api) -> None:
    keep_secret(server, "old")
    start_scheduler(server)
    keep_secret(server, "old")
    assert [one.level for one in airflow_secrets.agreement(doctor)] == ["ok", "ok"]

    deadline = time.monotonic() + 30
    found = []
    while "fail" not in found and time.monotonic() < deadline:
        keep_secret(server, f"new at {time.monotonic()}")
        found = [one.level for one in airflow_secrets.agreement(doctor)]
    assert found == ["fail", "fail"]


def test_the_doctor_may_ask_for_backups_and_room(server: ApiServer, doctor: Api) -> None:
    quotas = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "own"}}
    server.apply([{**quotas, "spec": {"hard": {"requests.memory": "1Ki"}}}])
    (found,) = quota.room(doctor, quota.needs())
    assert found.seen.startswith("requests.memory: 1024 of 1Ki left")
    assert backup.of_cron_job(doctor, doctor.settings.backup).level == "ok"


def test_the_doctor_may_ask_for_nothing_else(doctor: Api) -> None:
    for path in ("secrets", "secrets/molino-postgres", "configmaps", "pods/scheduler"):
        with pytest.raises(OSError, match="403"):
            doctor.get(f"/api/v1/namespaces/molino/{path}")
