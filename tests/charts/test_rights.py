"""What the accounts of the release may do, as the API server of Kubernetes judges it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_server import ApiServer, run_api_server
from rendering import render

from molino.contracts.settings import Settings
from pipelines.model_config_map import CONFIG_MAP, newest_model_files
from training.deploy.targets.kubernetes import Target
from training.stores.opening import open_store

SETTINGS = ("steps.admissionPolicy.enabled=true", "models.own=content", "serving.groups.heavy.models={flats}")
KINDS = (
    "ServiceAccount", "Role", "RoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
    "Deployment", "ConfigMap",
)  # fmt: skip
DEPLOY = "system:serviceaccount:molino:molino-deploy"
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
