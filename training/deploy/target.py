"""Where a release is put in service."""

import importlib
import json
import pkgutil
from contextlib import AbstractContextManager
from typing import Any, Protocol

import urllib3

from molino.contracts.address import Address
from molino.contracts.errors import BrokenReleaseError, DeployError, SettingsError
from molino.contracts.results import RegisterResult
from molino.contracts.settings import Settings
from molino.traces import outgoing
from training.deploy import targets
from training.stores.contract import Store

ANSWER_SECONDS = 10.0


class DeployTarget(Protocol):
    """Points a server to a version of a model, and tells when it serves it."""

    endpoint: str | None
    """URL of the server; none where none is asked."""

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


def open_target(settings: Settings, store: Store) -> DeployTarget:
    """Return the target that the settings name: the class `Target` of `training/deploy/targets/<name>.py`.

    Raises:
        SettingsError: there is none of that name.
        DeployError: it isn't to be had here.
    """
    refuse_unknown_target(settings)
    module = importlib.import_module(f"{targets.__name__}.{settings.deploy_target}")
    target: DeployTarget = module.Target(settings, store)
    return target


def predict_url(target: DeployTarget, model: str) -> str | None:
    """Return where a model is asked; none where no server is."""
    return f"{target.endpoint}/models/{model}/predict" if target.endpoint else None


def refuse_unknown_target(settings: Settings) -> None:
    """Make sure that there is a target of the settings' name, before any step has run.

    Raises:
        SettingsError: there is none; names those that there are.
    """
    known = sorted(module.name for module in pkgutil.iter_modules(targets.__path__))
    if settings.deploy_target not in known:
        raise SettingsError(f"MOLINO_DEPLOY_TARGET: expected one of {', '.join(known)}, not {settings.deploy_target!r}")


def serves(settings: Settings, model: str, version: str | None) -> bool:
    """Tell whether every worker of the server serves a version of a model; for none, whether it has none.

    Raises:
        BrokenReleaseError: the server says that it can't load the version.
        DeployError: as of `request`.
    """
    status, response = request(settings, "GET", f"/models/{model}")
    if version is None:
        return status == 404
    failure = str(response.get("failure") or "")
    if failure.startswith(f"version {version}:"):
        raise BrokenReleaseError(f"{settings.serving_url.rstrip('/')} can't serve {model} {failure}")
    return status == 200 and bool(response.get("workers") == {version: response.get("all_workers")})


def request(settings: Settings, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    """Send one request to the server, on a connection of its own, and return status and JSON.

    Raises:
        DeployError: no server is there, or its response isn't a JSON object.
    """
    url = settings.serving_url.rstrip("/") + path
    headers = {"X-API-KEY": settings.api_key.get_secret_value(), "Content-Type": "application/json"}
    headers |= Address(settings.serving_url).authorization | outgoing()
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
