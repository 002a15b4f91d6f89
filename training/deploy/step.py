"""The deploy step: a registered release into service, asked for a known answer, or the one before it back."""

from typing import Any

from molino.contracts.errors import BrokenReleaseError, DeployError, MolinoError, ReleaseError
from molino.contracts.release import Release, parse_release
from molino.contracts.results import DeployResult, RegisterResult
from training.deploy.target import DeployTarget, open_target, request
from training.step import Context, Outcome

TOLERANCE = 1e-4
"""Greatest difference to an expected answer, relative to the greatest of them: what 32-bit arithmetic may change."""
CAUSES = (MolinoError, OSError)
"""What a person can act on; all else is a bug, which keeps its traceback."""
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
    release = parse_release(context.store.read(key))
    if isinstance(release, str):
        uri = context.store.uri(key)
        raise ReleaseError(f"{uri} is no release of this version of Molino ({release}): start a new run")
    return release


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
    except CAUSES as error:
        context.log.info("putting back", version=previous, cause=str(error))
        back, state = _put_back(target, model, previous)
        kind = BrokenReleaseError if back and isinstance(error, BrokenReleaseError) else DeployError
        raise kind(f"{error}; {state}") from error
    except Exception as bug:
        context.log.error("putting back", version=previous, cause=f"{type(bug).__name__}: {bug}")
        bug.add_note(_put_back(target, model, previous)[1])
        raise
    context.log.info("champion", version=version)
    return answered


def _put_back(target: DeployTarget, model: str, previous: str | None) -> tuple[bool, str]:
    """Return to the version before; tell whether that went well, and what is in service."""
    try:
        target.point(model, previous)
        target.wait(model, previous)
    except CAUSES as fault:
        before = f"version {previous}" if previous else "no version"
        return False, f"and putting {model} back to {before} failed: {fault}"
    return True, f"version {previous} is back in service" if previous else f"no version of {model} is in service"


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
    version, found = _answer(response, path)
    if version != release.version:
        raise DeployError(f"POST {path} is answered by version {version}, not {release.version}")
    expected = list(release.example.predictions[:rows])
    if not agree(found, expected):
        raise BrokenReleaseError(f"POST {path} answers {found} to the release's example, expected {expected}")
    return list(found)


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
