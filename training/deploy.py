"""The deploy step: a registered release into service, asked for a known answer, or the one before it back."""

import math
from typing import Any

from molino.errors import DeployError, MolinoError
from molino.release import Release
from molino.results import DeployResult, RegisterResult
from training.deploy_target import DeployTarget, ask, open_target
from training.step import Context, Outcome

RELATIVE_TOLERANCE = 1e-4
ABSOLUTE_TOLERANCE = 1e-6
PREVIOUS_TAG = "molino.previous_version"


def run(context: Context) -> Outcome:
    """Deploy what register has released; what the gate refused stays out of service.

    Raises:
        DeployError: the release doesn't serve, or answers wrongly; the version before it is back in service.
    """
    register = context.result("register", RegisterResult)
    name = context.settings.deploy_target
    if register.version is None or register.release is None:
        nothing = DeployResult(target=name, version=None, previous_version=None, endpoint=None, answered=None)
        return Outcome(result=nothing, status="rejected")
    target = open_target(context.settings, context.store, context.log)
    target.check()
    model = context.model.name
    previous = _previous(context, target, register.version)
    release = Release.model_validate_json(context.store.read(register.release.key))
    target.bring(model, register)
    answered = _serve_or_put_back(context, target, release, previous)
    _crown(context, register.version)
    result = DeployResult(
        target=name,
        version=register.version,
        previous_version=previous,
        endpoint=f"{target.endpoint}/models/{model}/predict",
        answered=answered,
    )
    inputs = (register.release, *((register.onnx,) if register.onnx else ()))
    return Outcome(result=result, inputs=inputs)


def _previous(context: Context, target: DeployTarget, version: str) -> str | None:
    """Return the version that served before this step, also where a killed step has pointed to the new one already."""
    from training.registry import version_tag

    client, model = context.tracker.client, context.model.name
    noted = version_tag(client, model, version, PREVIOUS_TAG)
    if noted is not None:
        return noted or None
    previous = target.current(model)
    client.set_model_version_tag(model, version, PREVIOUS_TAG, previous or "")
    return previous


def _serve_or_put_back(
    context: Context, target: DeployTarget, release: Release, previous: str | None
) -> list[float | str]:
    model, version = release.name, release.version
    try:
        target.point(model, version)
        context.log.info("pointed to", version=version, previous=previous)
        target.wait(model, version)
        return _ask_example(context, release)
    except MolinoError as error:
        target.point(model, previous)
        try:
            target.wait(model, previous)
        except MolinoError as second:
            raise DeployError(f"{error}; and version {previous} isn't back in service: {second}") from error
        back = f"version {previous} is back in service" if previous else f"no version of {model} is in service"
        raise DeployError(f"{error}; {back}") from error


def _ask_example(context: Context, release: Release) -> list[float | str]:
    """Ask the server the release's own example and compare the answers.

    Raises:
        DeployError: the answer isn't what the graph answered when the release was made.
    """
    path = f"/models/{release.name}/predict"
    status, answer = ask(context.settings, "POST", path, {"data": release.example.data})
    served = answer.get("model", {}).get("version")
    if status != 200 or served != release.version:
        raise DeployError(f"POST {path} answers {status} by version {served}: {answer.get('detail', answer)}")
    predictions: list[float | str] = answer["predictions"]
    if not _agree(predictions, list(release.example.predictions)):
        expected = list(release.example.predictions)
        raise DeployError(f"POST {path} answers {predictions} to the release's example, expected {expected}")
    return predictions


def _agree(found: list[Any], expected: list[float | str]) -> bool:
    return len(found) == len(expected) and all(map(_same, found, expected))


def _same(found: object, expected: float | str) -> bool:
    if isinstance(expected, str) or not isinstance(found, int | float):
        return found == expected
    return math.isclose(found, expected, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)


def _crown(context: Context, version: str) -> None:
    from training.registry import CHAMPION, point_alias

    point_alias(context.tracker.client, context.model.name, CHAMPION, version)
    context.log.info("champion", version=version)
