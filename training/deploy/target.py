"""Where a release is put in service."""

import json
import time
from contextlib import AbstractContextManager
from typing import Any, Protocol

import urllib3

from molino.contracts.errors import BrokenReleaseError, DeployError
from molino.contracts.pointer import bundle_path, locked, point_to, read_pointer
from molino.contracts.release import MODEL_FILENAME, RELEASE_FILENAME
from molino.contracts.results import RegisterResult
from molino.contracts.settings import Settings
from training.stores.folder import Store, fetch

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05
ANSWER_SECONDS = 10.0


class DeployTarget(Protocol):
    """Points a server to a version of a model, and tells when it serves it."""

    endpoint: str
    """URL of the server."""

    def check(self) -> None:
        """Make sure that a server can be asked, before anything is changed.

        Raises:
            DeployError: none answers, or it refuses the key.
        """

    def lock(self, model: str) -> AbstractContextManager[None]:
        """Wait for other deploys of the model, and keep them off."""

    def current(self, model: str) -> str | None:
        """Return the version that is pointed to; none before the first deploy."""

    def bring(self, model: str, registered: RegisterResult) -> None:
        """Bring a release to where the server finds it, verified; what serves stays as it is."""

    def point(self, model: str, version: str | None) -> None:
        """Point the server to a version, or to none."""

    def wait(self, model: str, version: str | None) -> None:
        """Wait until every worker serves the version; for none, until the server says that it has none.

        Raises:
            DeployError: they don't, with the server's own reason.
        """


class EmbeddedTarget:
    """The server of this machine: it watches a pointer file in its folder and swaps by itself."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.endpoint = settings.serving_url.rstrip("/")
        self.home = settings.serving_folder
        self.settings = settings
        self.store = store

    def check(self) -> None:
        status, response = request(self.settings, "GET", "/models")
        if status != 200:
            raise DeployError(
                f"GET {self.endpoint}/models answers {status}: {response.get('detail')}; check MOLINO_API_KEY"
            )

    def lock(self, model: str) -> AbstractContextManager[None]:
        return locked(self.home / model / ".deploy.lock")

    def current(self, model: str) -> str | None:
        return read_pointer(self.home).get(model)

    def bring(self, model: str, registered: RegisterResult) -> None:
        if registered.version is None or registered.release is None or registered.onnx is None:
            raise DeployError(f"{model}: nothing was registered, so there is nothing to deploy")
        folder = bundle_path(self.home, model, registered.version)
        fetch(self.store, registered.onnx, folder / MODEL_FILENAME)
        fetch(self.store, registered.release, folder / RELEASE_FILENAME)

    def point(self, model: str, version: str | None) -> None:
        point_to(self.home, model, version)

    def wait(self, model: str, version: str | None) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._serves(model, version):
            if time.monotonic() > deadline:
                raise DeployError(
                    f"{self.endpoint} doesn't serve {model} version {version} after {PATIENCE_SECONDS:.0f} s; "
                    f"does it look into {self.home}? See its log"
                )
            time.sleep(POLL_SECONDS)

    def _serves(self, model: str, version: str | None) -> bool:
        status, response = request(self.settings, "GET", f"/models/{model}")
        if version is None:
            return status == 404
        failure = str(response.get("failure") or "")
        if failure.startswith(f"version {version}:"):
            raise BrokenReleaseError(f"{self.endpoint} can't serve {model} {failure}")
        return status == 200 and response.get("workers") == {version: response.get("all_workers")}


def open_target(settings: Settings, store: Store) -> DeployTarget:
    """Return the target that the settings name.

    Raises:
        DeployError: it isn't to be had here.
    """
    if settings.deploy_target == "embedded":
        return EmbeddedTarget(settings, store)
    from training.deploy.kubernetes_target import KubernetesTarget

    return KubernetesTarget(settings, store)


def request(settings: Settings, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    """Send one request to the server, on a connection of its own, and return status and JSON.

    Raises:
        DeployError: no server is there, or its response isn't a JSON object.
    """
    url = settings.serving_url.rstrip("/") + path
    headers = {"X-API-KEY": settings.api_key.get_secret_value(), "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    try:
        with urllib3.PoolManager(retries=False, timeout=ANSWER_SECONDS) as pool:
            response = pool.request(method, url, body=content, headers=headers)
    except urllib3.exceptions.HTTPError as error:
        reason = str(error).rpartition(": ")[2]
        raise DeployError(
            f"no server answers at {settings.serving_url} ({reason}): start one by `molino serve`, or set "
            "MOLINO_SERVING_URL"
        ) from error
    try:
        return response.status, dict(json.loads(response.data))
    except (ValueError, TypeError) as error:
        raise DeployError(
            f"{method} {url} answers {response.status} without JSON: what listens there is not Molino's server; "
            "set MOLINO_SERVING_URL"
        ) from error
