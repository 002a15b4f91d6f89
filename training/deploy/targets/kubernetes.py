"""Where a release is put in service on Kubernetes: an annotation per model on the serving Deployment's pod template.

A changed annotation is a changed pod template, so Kubernetes brings up new pods, whose init container fetches the
releases that their annotations name; old pods go only when new ones are ready. Each deploy touches its own model's
annotation alone, and the chart touches none.
"""

import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from molino.contracts.errors import BrokenReleaseError, DeployError
from molino.contracts.release import MODEL_FILENAME, RELEASE_FILENAME, release_prefix
from molino.contracts.results import RegisterResult
from molino.contracts.settings import Settings
from training.deploy.target import request, serves
from training.stores.contract import Store
from training.stores.opening import fetch

ANNOTATION = "molino.dev/release."
MODEL_LABEL, STEP_LABEL, RELEASE_LABEL = "molino.dev/model", "molino.dev/step", "app.kubernetes.io/instance"
CHANGING = ("deploy", "promote", "rollback")
"""Steps whose pods change the version that serves."""
ACTIVE = ("Pending", "Running")
"""Phases of a pod that hasn't ended."""
LOCK_SECONDS = 1.0
PATIENCE_SECONDS = 240.0
POLL_SECONDS = 0.5
SETTLED_SECONDS = 2.0
"""How long the Service must response with the new version alone: the time that nodes take to forget the old pods."""


class Target:
    """The serving Deployment of this cluster, reached with the pod's own service account."""

    def __init__(self, settings: Settings, store: Store, deployments: Any = None, pods: Any = None) -> None:
        self.endpoint = settings.serving_url.rstrip("/")
        self.settings = settings
        self.store = store
        self.name, self.namespace = settings.serving_deployment, settings.namespace
        self._deployments, self._pods = (deployments, pods) if deployments and pods else connect()

    def check(self) -> None:
        """Make sure that the Deployment is there, and that its server takes our key."""
        self._read()
        status, response = request(self.settings, "GET", "/models")
        if status != 200:
            raise DeployError(
                f"GET {self.endpoint}/models answers {status}: {response.get('detail')}; check MOLINO_API_KEY"
            )

    @contextmanager
    def lock(self, model: str) -> Iterator[None]:
        """Wait for the end of each pod that was made before this one to change the version of this model.

        Airflow starts no such pod while it sees another one, but two that wait for a third may be started together.
        Other models have other annotations.
        """
        while earlier := self._earlier(model):
            structlog.get_logger().info("waiting for other changes", model=model, pods=earlier)
            time.sleep(LOCK_SECONDS)
        yield

    def _earlier(self, model: str) -> list[str]:
        """Return the pods that go first, by name: all others of them where this is none itself."""
        selector = f"{MODEL_LABEL}={model},{STEP_LABEL} in ({','.join(CHANGING)})"
        with api_errors(f"pods in {self.namespace}"):
            pods = self._pods.list_namespaced_pod(self.namespace, label_selector=selector).items
        host = socket.gethostname()
        own = next((pod for pod in pods if pod.metadata.name == host), None)
        active = [pod for pod in pods if pod.status.phase in ACTIVE]
        if own is not None:
            active = [pod for pod in active if _release(pod) == _release(own) and _age(pod) < _age(own)]
        return [pod.metadata.name for pod in active]

    def current(self, model: str) -> str | None:
        """Return the version that the pod template names."""
        annotations = self._read().spec.template.metadata.annotations or {}
        version = annotations.get(ANNOTATION + model)
        return None if version is None else str(version)

    def bring(self, model: str, registered: RegisterResult) -> None:
        """Verify that the bundle is in the store, unaltered: from there each pod fetches it."""
        if registered.version is None or registered.release is None or registered.onnx is None:
            raise DeployError(f"{model}: nothing was registered, so there is nothing to deploy")
        with tempfile.TemporaryDirectory() as folder:
            fetch(self.store, registered.onnx, Path(folder) / MODEL_FILENAME)
            fetch(self.store, registered.release, Path(folder) / RELEASE_FILENAME)

    def point(self, model: str, version: str | None) -> None:
        """Write the version into the pod template, or take it out; no other annotation is touched."""
        annotations = {ANNOTATION + model: version}
        body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        with api_errors(f"Deployment {self.namespace}/{self.name}"):
            self._deployments.patch_namespaced_deployment(self.name, self.namespace, body)

    def wait(self, model: str, version: str | None) -> None:
        """Wait for the rollout, and until the Service answers with the version alone."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        settled: float | None = None
        while settled is None or time.monotonic() - settled < SETTLED_SECONDS:
            if not self._rolled_out(model, version) or not serves(self.settings, model, version):
                settled = None
            elif settled is None:
                settled = time.monotonic()
            if time.monotonic() > deadline:
                raise DeployError(
                    f"Deployment {self.namespace}/{self.name} doesn't serve {model} version {version} after "
                    f"{PATIENCE_SECONDS:.0f} s; see `kubectl describe deployment {self.name}`"
                )
            time.sleep(POLL_SECONDS)

    def _rolled_out(self, model: str, version: str | None) -> bool:
        found = self._read()
        status, wanted = found.status, found.spec.replicas
        if (status.observed_generation or 0) < found.metadata.generation:
            return False
        counts = (status.updated_replicas or 0, status.available_replicas or 0, status.replicas or 0)
        if counts == (wanted, wanted, wanted):
            return True
        cause = self._failure(found, model, version)
        if cause:
            kind = BrokenReleaseError if _names(cause, model, version) else DeployError
            raise kind(f"a pod of {self.namespace}/{self.name} with {model} version {version} fails: {cause}")
        return False

    def _failure(self, deployment: Any, model: str, version: str | None) -> str | None:
        """Return what a container of a new pod died of; its last log lines are in the pod's status."""
        selector = ",".join(f"{key}={value}" for key, value in deployment.spec.selector.match_labels.items())
        with api_errors(f"pods in {self.namespace}"):
            pods = self._pods.list_namespaced_pod(self.namespace, label_selector=selector).items
        for pod in pods:
            annotations = pod.metadata.annotations or {}
            named = annotations.get(ANNOTATION + model) == version
            if not named or pod.metadata.deletion_timestamp:
                continue
            if (cause := _death(pod.status)) and not _of_another(cause, model, annotations):
                return cause
        return None

    def _read(self) -> Any:
        with api_errors(f"Deployment {self.namespace}/{self.name}"):
            return self._deployments.read_namespaced_deployment(self.name, self.namespace)


def _release(pod: Any) -> str | None:
    """Return the release of the chart that a pod is of: another one in the namespace may have a model of that name."""
    return (pod.metadata.labels or {}).get(RELEASE_LABEL)


def _age(pod: Any) -> tuple[Any, str]:
    """Return what sorts pods by when they were made."""
    return pod.metadata.creation_timestamp, pod.metadata.name


def _death(status: Any) -> str | None:
    """Return what a container died of that isn't ready, the server or one before it."""
    for container in [*(status.init_container_statuses or []), *(status.container_statuses or [])]:
        ended = container.state.terminated or (container.last_state and container.last_state.terminated)
        if not container.ready and ended and ended.exit_code:
            return str(ended.message or ended.reason).strip()
    return None


def _of_another(cause: str, model: str, annotations: Mapping[str, str]) -> bool:
    """Tell whether a pod died of another model's release: that one's own deploy step puts it back."""
    others = [
        (key.removeprefix(ANNOTATION), version) for key, version in annotations.items() if key != ANNOTATION + model
    ]
    return any(_names(cause, name, version) or release_prefix(name, version) in cause for name, version in others)


def _names(cause: str, model: str, version: str | None) -> bool:
    """Tell whether a server died of that version itself, and not for want of the store."""
    return f"{model} version {version}: " in cause


def connect() -> tuple[Any, Any]:
    """Return the APIs of Deployments and of pods, by the pod's own service account.

    Raises:
        DeployError: this is no pod of a cluster.
    """
    from kubernetes import client, config

    try:
        config.load_incluster_config()  # type: ignore[no-untyped-call]  # the package has types for parts of it alone
    except config.ConfigException as error:
        raise DeployError(
            f"MOLINO_DEPLOY_TARGET=kubernetes works in a pod of the cluster alone ({error}); set it to embedded"
        ) from error
    return client.AppsV1Api(), client.CoreV1Api()


@contextmanager
def api_errors(what: str) -> Iterator[None]:
    """Turn errors of the Kubernetes API into one line.

    Raises:
        DeployError: it refused, or can't be reached.
    """
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        raise DeployError(f"{what}: the Kubernetes API answers {error.status} {error.reason}") from error
    except HTTPError as error:
        raise DeployError(f"{what}: the Kubernetes API can't be reached ({error})") from error
