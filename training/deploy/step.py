"""The deploy step: a registered release into service, asked for a known answer, or the one before it back."""

from typing import Any

from pydantic import ValidationError

from molino.contracts.errors import BrokenReleaseError, DeployError, ReleaseError
from molino.contracts.release import Release
from molino.contracts.results import DeployResult, RegisterResult
from training.deploy.target import DeployTarget, open_target, request
from training.step import Context, Outcome

TOLERANCE = 1e-4
"""Greatest difference to an expected answer, relative to the greatest of them: what 32-bit arithmetic may change."""
PREVIOUS_TAG = "molino.previous_version"


def run(context: Context) -> Outcome:
    """Deploy what register has released; what the gate refused stays out of service.

    Raises:
        BrokenReleaseError: no server can load the release, or it answers wrongly; the version before it is back.
        DeployError: the release doesn't come into service; the version before it is back, or it says why not.
        StoreError: the bundle is missing or altered; nothing has changed.
        TrackingError: MLflow can't be reached; nothing has changed.
    """
    registered = context.result("register", RegisterResult)
    settings = context.settings
    if registered.version is None or registered.release is None or registered.onnx is None:
        nothing = DeployResult(
            target=settings.deploy_target, version=None, previous_version=None, endpoint=None, answered=None
        )
        return Outcome(nothing, status="rejected")
    target = open_target(settings, context.store)
    target.check()
    model = context.model.name
    release = _read_release(context, registered.release.key)
    with target.lock(model):
        target.bring(model, registered)
        previous = _previous(context, target, registered.version)
        answered = _serve_or_put_back(context, target, release, previous)
    result = DeployResult(
        target=settings.deploy_target,
        version=registered.version,
        previous_version=previous,
        endpoint=f"{target.endpoint}/models/{model}/predict",
        answered=answered,
    )
    return Outcome(result, inputs=(registered.release, registered.onnx))


def _read_release(context: Context, key: str) -> Release:
    try:
        return Release.model_validate_json(context.store.read(key))
    except ValidationError as error:
        uri = context.store.uri(key)
        raise ReleaseError(f"{uri} is no release of this version of Molino: start a new run") from error


def _previous(context: Context, target: DeployTarget, version: str) -> str | None:
    """Return the version that serves before this step.

    Where a killed step has pointed to the new one already, the one before it was noted on the model version.
    """
    from training.tracking.registry import tag_version, version_tag

    client, model = context.tracker.client, context.model.name
    current = target.current(model)
    if current == version:
        return version_tag(client, model, version, PREVIOUS_TAG) or None
    tag_version(client, model, version, PREVIOUS_TAG, current or "")
    return current


def _serve_or_put_back(
    context: Context, target: DeployTarget, release: Release, previous: str | None
) -> list[float | str]:
    from training.tracking.registry import CHAMPION, point_alias

    model, version = release.name, release.version
    try:
        target.point(model, version)
        context.log.info("pointed to", version=version, previous=previous)
        target.wait(model, version)
        answered = _ask_example(context, release)
        context.log.info("answered", version=version)
        point_alias(context.tracker.client, model, CHAMPION, version)
    except Exception as error:
        context.log.info("putting back", version=previous, cause=str(error))
        raise _put_back(target, model, previous, error) from error
    context.log.info("champion", version=version)
    return answered


def _put_back(target: DeployTarget, model: str, previous: str | None, error: Exception) -> DeployError:
    """Return to the version before; return what tells of the error, and of how that went."""
    try:
        target.point(model, previous)
        target.wait(model, previous)
    except Exception as fault:
        before = f"version {previous}" if previous else "no version"
        return DeployError(f"{error}; and putting {model} back to {before} failed: {fault}")
    state = f"version {previous} is back in service" if previous else f"no version of {model} is in service"
    kind = BrokenReleaseError if isinstance(error, BrokenReleaseError) else DeployError
    return kind(f"{error}; {state}")


def _ask_example(context: Context, release: Release) -> list[float | str]:
    """Ask the server the release's own example and compare the answers.

    Raises:
        BrokenReleaseError: the answer isn't what the graph answered when the release was made.
        DeployError: there is no answer of this version.
    """
    path = f"/models/{release.name}/predict"
    rows = min(len(release.example.data), context.model.serving.max_rows)
    status, response = request(context.settings, "POST", path, {"data": release.example.data[:rows]})
    if status != 200:
        raise DeployError(f"POST {path} answers {status} to the release's example: {response.get('detail', response)}")
    if response["model"]["version"] != release.version:
        raise DeployError(f"POST {path} is answered by version {response['model']['version']}, not {release.version}")
    found, expected = response["predictions"], list(release.example.predictions[:rows])
    if not agree(found, expected):
        raise BrokenReleaseError(f"POST {path} answers {found} to the release's example, expected {expected}")
    return list(found)


def agree(found: list[Any], expected: list[float | str]) -> bool:
    """Tell whether labels are the same, and numbers within the tolerance."""
    if len(found) != len(expected):
        return False
    if any(isinstance(value, str) for value in (*found, *expected)):
        return found == expected
    spread = TOLERANCE * max(abs(float(value)) for value in expected)
    return all(abs(one - float(other)) <= spread for one, other in zip(found, expected, strict=True))
