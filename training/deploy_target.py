"""Where a release is put in service: the server on this machine, or a Deployment of Kubernetes."""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

import structlog
import urllib3

from molino.errors import DeployError
from molino.release import MODEL_FILENAME, RELEASE_FILENAME
from molino.results import RegisterResult
from molino.settings import Settings
from training.store import Store, fetch

POINTER_FILENAME = "deployed.json"
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.1


class DeployTarget(Protocol):
    """Points a server to a version of a model, and tells when it serves it."""

    name: str
    endpoint: str

    def check(self) -> None:
        """Make sure that a server can be asked, before anything is changed.

        Raises:
            DeployError: none answers.
        """

    def current(self, model: str) -> str | None:
        """Return the version that is pointed to; none before the first deploy."""

    def bring(self, model: str, register: RegisterResult) -> None:
        """Bring a release to where the server finds it; what serves stays as it is."""

    def point(self, model: str, version: str | None) -> None:
        """Point the server to a version, or to none."""

    def wait(self, model: str, version: str | None) -> None:
        """Wait until every worker serves the version.

        Raises:
            DeployError: they don't, with the server's own reason.
        """


class EmbeddedTarget:
    """The server of this machine: it watches a pointer file in its folder and swaps by itself."""

    name = "embedded"

    def __init__(self, settings: Settings, store: Store, log: structlog.stdlib.BoundLogger) -> None:
        self.endpoint = settings.serving_url.rstrip("/")
        self.folder = settings.serving_folder
        self.settings = settings
        self.store = store
        self.log = log

    def check(self) -> None:
        """See DeployTarget."""
        status, answer = ask(self.settings, "GET", "/models")
        if status != 200:
            raise DeployError(
                f"GET {self.endpoint}/models answers {status}: {answer.get('detail')}; see MOLINO_API_KEY"
            )

    def current(self, model: str) -> str | None:
        """See DeployTarget."""
        return self._pointer().get(model)

    def bring(self, model: str, register: RegisterResult) -> None:
        """See DeployTarget; the bundle comes into its folder whole, under its final name last."""
        if register.version is None or register.release is None or register.onnx is None:
            raise DeployError(f"{model}: nothing was registered, so there is nothing to deploy")
        folder = self.folder / model / register.version
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bring-", dir=folder.parent) as passing:
            new = Path(passing) / register.version
            fetch(self.store, register.onnx, new / MODEL_FILENAME)
            fetch(self.store, register.release, new / RELEASE_FILENAME)
            folder.mkdir(exist_ok=True)
            for name in (MODEL_FILENAME, RELEASE_FILENAME):
                (new / name).replace(folder / name)

    def point(self, model: str, version: str | None) -> None:
        """See DeployTarget."""
        pointer = {name: at for name, at in self._pointer().items() if name != model}
        if version is not None:
            pointer[model] = version
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{POINTER_FILENAME}.", dir=self.folder)
        with os.fdopen(handle, "w") as file:
            json.dump(pointer, file, indent=2, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self.folder / POINTER_FILENAME)

    def wait(self, model: str, version: str | None) -> None:
        """See DeployTarget."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            status, answer = ask(self.settings, "GET", f"/models/{model}")
            if version is None and status == 404:
                return
            if status == 200:
                workers = answer.get("workers") or {}
                if version is not None and workers == {version: answer["all_workers"]}:
                    self.log.info("served", version=version, workers=workers[version])
                    return
                if answer.get("failure"):
                    raise DeployError(f"{self.endpoint} can't serve {model} version {version}: {answer['failure']}")
            if time.monotonic() > deadline:
                raise DeployError(
                    f"{self.endpoint} doesn't serve {model} version {version} after {PATIENCE_SECONDS:.0f} s "
                    f"(it says {status}: {json.dumps(answer)[:200]}); see the log of the server"
                )
            time.sleep(POLL_SECONDS)

    def _pointer(self) -> dict[str, str]:
        path = self.folder / POINTER_FILENAME
        try:
            return dict(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise DeployError(f"{path} isn't JSON: {error}; remove it and deploy again") from error


def open_target(settings: Settings, store: Store, log: structlog.stdlib.BoundLogger) -> DeployTarget:
    """Return the target that the settings name.

    Raises:
        DeployError: this version doesn't have it.
    """
    if settings.deploy_target == "embedded":
        return EmbeddedTarget(settings, store, log)
    raise DeployError(f"MOLINO_DEPLOY_TARGET={settings.deploy_target}: this version deploys to `embedded` alone")


def ask(settings: Settings, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    """Send one request to the server and return status and JSON.

    Raises:
        DeployError: no server is there, or its answer isn't JSON.
    """
    url = settings.serving_url.rstrip("/") + path
    headers = {"X-API-KEY": settings.api_key.get_secret_value(), "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    try:
        with urllib3.PoolManager(retries=False, timeout=10) as pool:
            answer = pool.request(method, url, body=content, headers=headers)
            return answer.status, dict(json.loads(answer.data))
    except (urllib3.exceptions.HTTPError, ConnectionError) as error:
        raise DeployError(
            f"no server answers at {settings.serving_url}: {error}; start one with `molino serve`, or set "
            "MOLINO_SERVING_URL"
        ) from error
    except (ValueError, TypeError) as error:
        raise DeployError(f"{method} {url}: the answer isn't JSON; is it Molino's server?") from error
