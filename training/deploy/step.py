"""The deploy step: a registered release into service, asked for a known answer, or the one before it back."""

from molino.contracts.approval import Approval
from molino.contracts.results import DeployResult, RegisterResult
from molino.contracts.settings import Settings
from training.deploy.approval import keep_approval, take_approval
from training.deploy.rollout import Rollout, read_release
from training.deploy.target import DeployTarget, open_target, predict_url
from training.step import Context, Outcome


def run(context: Context) -> Outcome:
    """Deploy what register has released; what the gate refused stays out of service.

    Raises:
        ApprovalError: the model file wants an approval, and nobody has given or refused it; nothing has changed.
        BrokenReleaseError: no server can load the release, or it answers wrongly; the version before it is back.
        DeployError: the release doesn't come into service; the version before it is back, or it says why not.
        StoreError: the bundle is missing or altered; nothing has changed.
        TrackingError: MLflow can't be reached; nothing has changed.
    """
    registered = context.result("register", RegisterResult)
    model = context.model.name
    settings = context.settings.of_model(model)
    if registered.version is None or registered.release is None or registered.onnx is None:
        return _rejected(settings, None)
    said = take_approval(context, registered.version)
    target = open_target(settings, context.store)
    if said and not said.approved:
        keep_approval(context, said, registered.version, target.current(model), None)
        return _rejected(settings, said)
    target.check()
    release = read_release(context.store, registered.release.key)
    with target.lock(model):
        target.bring(model, registered)
        previous = _previous(context, target, registered.version)
        answered = Rollout(settings, target, context.tracker.client, context.log).put_in_service(release, previous)
    if said:
        keep_approval(context, said, registered.version, previous, answered)
    result = DeployResult(
        target=settings.deploy_target,
        version=registered.version,
        previous_version=previous,
        endpoint=predict_url(target, model),
        answered=answered,
        approval=said,
    )
    return Outcome(result, inputs=(registered.release, registered.onnx))


def _rejected(settings: Settings, said: Approval | None) -> Outcome:
    """Return the outcome where what was registered, if anything, stays out of service."""
    result = DeployResult(
        target=settings.deploy_target,
        version=None,
        previous_version=None,
        endpoint=None,
        answered=None,
        approval=said,
    )
    return Outcome(result, status="rejected")


def _previous(context: Context, target: DeployTarget, version: str) -> str | None:
    """Return the version that serves before this step.

    Where a killed step has pointed to the new one already, the one before it was noted on the model version.
    """
    from training.tracking.registry import note_version_before, version_before

    client, model = context.tracker.client, context.model.name
    current = target.current(model)
    if current == version:
        return version_before(client, model, version)
    note_version_before(client, model, version, current)
    return current
