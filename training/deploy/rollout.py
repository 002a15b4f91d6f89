"""A release put in service and asked for a known answer, or the version before it back."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from molino.contracts.errors import BrokenReleaseError, DeployError, MolinoError, ReleaseError
from molino.contracts.release import Release, parse_release
from molino.contracts.settings import Settings
from training.deploy.target import DeployTarget, request
from training.stores.contract import Store

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

TOLERANCE = 1e-4
"""Greatest difference to an expected answer, relative to the greatest of them: what 32-bit arithmetic may change."""
MOST_ROWS = 10_000
"""Rows of a request where a release doesn't say."""
CAUSES = (MolinoError, OSError)
"""What a person can act on; all else is a bug, which keeps its traceback."""


@dataclass(frozen=True)
class Rollout:
    """All that it takes to change which version serves."""

    settings: Settings
    target: DeployTarget
    client: "MlflowClient"
    log: structlog.stdlib.BoundLogger

    def put_in_service(self, release: Release, previous: str | None) -> list[float | str] | None:
        """Point the target to a release, ask it for its own example and make it the champion; return the answer.

        Raises:
            BrokenReleaseError: no server can load the release, or it answers wrongly; `previous` is back.
            DeployError: the release doesn't come into service; `previous` is back, or it says why not.
        """
        from training.tracking.registry import CHAMPION, point_alias

        model, version = release.name, release.version
        try:
            self.target.point(model, version)
            self.log.info("pointed to", version=version, previous=previous)
            self.target.wait(model, version)
            answered = self._ask_example(release) if self.target.endpoint else None
            self.log.info("answered", version=version)
            point_alias(self.client, model, CHAMPION, version)
        except CAUSES as error:
            self.log.info("putting back", version=previous, cause=str(error))
            back, state = self._put_back(model, previous)
            kind = BrokenReleaseError if back and isinstance(error, BrokenReleaseError) else DeployError
            ended = kind(f"{error}; {state}")
            ended.put_back = back
            raise ended from error
        except Exception as bug:
            self.log.error("putting back", version=previous, cause=f"{type(bug).__name__}: {bug}")
            bug.add_note(self._put_back(model, previous)[1])
            raise
        self.log.info("champion", version=version)
        return answered

    def _put_back(self, model: str, previous: str | None) -> tuple[bool, str]:
        """Return to the version before; tell whether that went well, and what is in service."""
        try:
            self.target.point(model, previous)
            self.target.wait(model, previous)
        except CAUSES as fault:
            before = f"version {previous}" if previous else "no version"
            return False, f"and putting {model} back to {before} failed: {fault}"
        return True, f"version {previous} is back in service" if previous else f"no version of {model} is in service"

    def _ask_example(self, release: Release) -> list[float | str]:
        """Ask the server the release's own example and compare the answers.

        Raises:
            BrokenReleaseError: the answer isn't what the graph answered when the release was made.
            DeployError: there is no answer of this version.
        """
        path = f"/models/{release.name}/predict"
        rows = min(len(release.example.data), int(release.serving.get("max_rows", MOST_ROWS)))
        status, response = request(self.settings, "POST", path, {"data": release.example.data[:rows]})
        if status != 200:
            detail = response.get("detail", response)
            raise DeployError(f"POST {path} answers {status} to the release's example: {detail}")
        version, found = _answer(response, path)
        if version != release.version:
            raise DeployError(f"POST {path} is answered by version {version}, not {release.version}")
        expected = list(release.example.predictions[:rows])
        if not agree(found, expected):
            raise BrokenReleaseError(f"POST {path} answers {found} to the release's example, expected {expected}")
        return list(found)


def read_release(store: Store, key: str) -> Release:
    """Return a release of the store.

    Raises:
        ReleaseError: it is of a version of Molino that this one can't read.
    """
    release = parse_release(store.read(key))
    if isinstance(release, str):
        raise ReleaseError(f"{store.uri(key)} is no release of this version of Molino ({release}): start a new run")
    return release


def _answer(response: dict[str, Any], path: str) -> tuple[str, list[Any]]:
    """Return version and predictions of a response.

    Raises:
        DeployError: it isn't of the form that Molino's server gives.
    """
    model, predictions = response.get("model"), response.get("predictions")
    if not isinstance(model, dict) or not isinstance(predictions, list):
        raise DeployError(
            f"POST {path} answers without model and predictions: what listens there is not Molino's server; "
            "set MOLINO_SERVING_URL"
        )
    return str(model.get("version")), predictions


def agree(found: list[Any], expected: list[float | str]) -> bool:
    """Tell whether labels are the same, and numbers within the tolerance."""
    if len(found) != len(expected) or not all(isinstance(value, str | int | float) for value in found):
        return False
    if any(isinstance(value, str) for value in (*found, *expected)):
        return found == expected
    spread = TOLERANCE * max(abs(float(value)) for value in expected)
    return all(abs(one - float(other)) <= spread for one, other in zip(found, expected, strict=True))
