"""How the deploy step speaks of the serving Deployment, on a stand-in of the Kubernetes API."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from molino.contracts.errors import BrokenReleaseError, DeployError
from molino.contracts.settings import Settings
from training.deploy.targets.kubernetes import ANNOTATION, Target
from training.stores.opening import open_store

Thing = SimpleNamespace


class StandInApi:
    """One Deployment in mid-rollout and one pod, as the Kubernetes API shows them."""

    def __init__(self, pod: Thing | None = None) -> None:
        self.annotations = {"molino.dev/component": "serving", ANNOTATION + "penguins": "7"}
        self.patches: list[Any] = []
        self.pods = [pod] if pod else []

    def read_namespaced_deployment(self, name: str, namespace: str) -> Thing:
        template = Thing(metadata=Thing(annotations=self.annotations))
        selector = Thing(match_labels={"app": "serving"})
        return Thing(
            metadata=Thing(generation=2),
            spec=Thing(replicas=1, template=template, selector=selector),
            status=Thing(observed_generation=2, updated_replicas=1, available_replicas=1, replicas=2),
        )

    def patch_namespaced_deployment(self, name: str, namespace: str, body: Any) -> None:
        self.patches.append(body["spec"]["template"]["metadata"]["annotations"])

    def list_namespaced_pod(self, namespace: str, label_selector: str) -> Thing:
        return Thing(items=self.pods)


class RolledOutApi(StandInApi):
    """One whose Deployment has new pods alone, all of them available."""

    def read_namespaced_deployment(self, name: str, namespace: str) -> Thing:
        found = super().read_namespaced_deployment(name, namespace)
        found.status.replicas = 1
        return found


class RefusingApi(StandInApi):
    """One that lets nobody read."""

    def read_namespaced_deployment(self, name: str, namespace: str) -> Thing:
        from kubernetes.client import ApiException

        raise ApiException(status=403, reason="Forbidden")


def target(tmp_path: Path, api: StandInApi) -> Target:
    settings = Settings(home=tmp_path, namespace="ml", serving_deployment="molino-serving")
    return Target(settings, open_store(settings), api, api)


def dead_pod(version: str, container: str = "init_container_statuses", **changes: Any) -> Thing:
    """Return a pod of a version of which a container has died."""
    message = changes.get("message", "can't fetch s3://molino/releases/housing/3/\n")
    ended = Thing(exit_code=1, message=message, reason="Error")
    died = Thing(state=Thing(terminated=ended), last_state=None, ready=changes.get("ready", False))
    return Thing(
        metadata=Thing(
            annotations={ANNOTATION + "housing": version, ANNOTATION + "penguins": "8"},
            deletion_timestamp=changes.get("deletion_timestamp"),
        ),
        status=Thing(**{"init_container_statuses": None, "container_statuses": None, container: [died]}),
    )


def test_a_model_that_was_never_deployed_has_no_version(tmp_path: Path) -> None:
    assert target(tmp_path, StandInApi()).current("housing") is None


def test_the_version_is_that_of_the_pod_template(tmp_path: Path) -> None:
    assert target(tmp_path, StandInApi()).current("penguins") == "7"


@pytest.mark.parametrize("version", ["3", None])
def test_only_the_own_annotation_is_changed(tmp_path: Path, version: str | None) -> None:
    api = StandInApi()
    target(tmp_path, api).point("housing", version)
    assert api.patches == [{"molino.dev/release.housing": version}]


@pytest.mark.parametrize("container", ["init_container_statuses", "container_statuses"])
def test_a_pod_that_dies_names_its_cause(tmp_path: Path, container: str) -> None:
    with pytest.raises(DeployError, match=r"housing version 3 fails: can't fetch s3://molino/releases/housing/3/$"):
        target(tmp_path, StandInApi(dead_pod("3", container))).wait("housing", "3")


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("housing version 3: model.onnx can't be loaded; deploy another version", BrokenReleaseError),
        ("can't fetch s3://molino/releases/housing/3/ at http://minio:9000: connection refused", DeployError),
    ],
)
def test_a_release_that_no_server_loads_is_told_from_one_that_cannot_be_had(
    tmp_path: Path, message: str, kind: type[DeployError]
) -> None:
    with pytest.raises(DeployError) as raised:
        target(tmp_path, StandInApi(dead_pod("3", message=message))).wait("housing", "3")
    assert type(raised.value) is kind


def test_a_release_that_a_ready_server_cannot_load_names_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"workers": {"3": 1}, "all_workers": 2, "failure": "version 4: the graph fails"}
    monkeypatch.setattr("training.deploy.target.request", lambda *_: (200, answer))
    with pytest.raises(BrokenReleaseError, match=r"can't serve housing version 4: the graph fails$"):
        target(tmp_path, RolledOutApi()).wait("housing", "4")


@pytest.mark.parametrize(
    "pod",
    [
        dead_pod("3"),
        dead_pod("4", deletion_timestamp="2026-11-25T04:00:00Z"),
        dead_pod("4", "container_statuses", ready=True),
        dead_pod("4", message="penguins version 8: model.onnx can't be loaded; deploy another version"),
        dead_pod("4", message="can't fetch s3://molino/releases/penguins/8/ at http://minio:9000: no such key"),
    ],
    ids=["of another version", "on its way out", "well again", "of another model", "another model's bundle"],
)
def test_a_pod_that_is_not_the_new_one_or_is_well_is_no_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pod: Thing
) -> None:
    monkeypatch.setattr("training.deploy.targets.kubernetes.PATIENCE_SECONDS", 0.0)
    with pytest.raises(DeployError, match=r"Deployment ml/molino-serving doesn't serve housing version 4 after 0 s"):
        target(tmp_path, StandInApi(pod)).wait("housing", "4")


def test_a_refusal_of_the_api_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"^Deployment ml/molino-serving: the Kubernetes API answers 403 Forbidden$"):
        target(tmp_path, RefusingApi()).current("housing")


def changing_pod(name: str, second: int, phase: str = "Running", release: str = "molino") -> Thing:
    """Return a pod that changes the version of a model, made at a second of an hour."""
    made = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    labels = {"app.kubernetes.io/instance": release}
    return Thing(metadata=Thing(name=name, creation_timestamp=made, labels=labels), status=Thing(phase=phase))


class ChangingApi(StandInApi):
    """One with pods that change the version, of which the first of those at work ends whenever all were asked for."""

    def __init__(self, *pods: Thing) -> None:
        super().__init__()
        self.pods = list(pods)
        self.asked: list[str] = []

    def list_namespaced_pod(self, namespace: str, label_selector: str) -> Thing:
        self.asked.append(label_selector)
        found = [Thing(metadata=pod.metadata, status=Thing(phase=pod.status.phase)) for pod in self.pods]
        at_work = [pod for pod in self.pods if pod.status.phase in ("Pending", "Running")]
        if at_work:
            at_work[0].status.phase = "Succeeded"
        return Thing(items=found)


@pytest.mark.parametrize(
    ("pods", "looks"),
    [
        ([changing_pod("own", 5)], 1),
        ([changing_pod("promote-a", 3), changing_pod("own", 5)], 2),
        ([changing_pod("promote-a", 3, "Pending"), changing_pod("deploy-b", 4), changing_pod("own", 5)], 3),
        ([changing_pod("promote-a", 3, "Failed"), changing_pod("own", 5)], 1),
        ([changing_pod("own", 5), changing_pod("rollback-a", 6)], 1),
        ([changing_pod("deploy-a", 5), changing_pod("own", 5)], 2),
        ([changing_pod("own", 5), changing_pod("rollback-a", 5)], 1),
        ([changing_pod("promote-a", 3, release="other"), changing_pod("own", 5)], 1),
        ([changing_pod("promote-a", 6)], 2),
    ],
    ids=[
        "alone", "after one", "after two", "after one that has ended", "before one", "at once, second by name",
        "at once, first by name", "beside another release's", "by hand, from elsewhere",
    ],
)  # fmt: skip
def test_of_pods_that_change_a_version_the_first_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pods: list[Thing], looks: int
) -> None:
    monkeypatch.setattr("training.deploy.targets.kubernetes.LOCK_SECONDS", 0.0)
    monkeypatch.setattr(socket, "gethostname", lambda: "own")
    api = ChangingApi(*pods)
    with target(tmp_path, api).lock("housing"):
        pass
    assert api.asked == ["molino.dev/model=housing,molino.dev/step in (deploy,promote,rollback)"] * looks
