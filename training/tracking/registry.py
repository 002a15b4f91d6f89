"""MLflow's model registry: versions found by the run that made them, and the aliases `challenger` and `champion`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from molino.contracts.errors import TrackingError
from training.tracking.tracker import RUN_TAG, tracking_errors

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

CHALLENGER = "challenger"
CHAMPION = "champion"
PREVIOUS_TAG = "molino.previous_version"
"""On a version: the one that served before it came into service; empty where there was none."""
ONNX_FILENAME = "model.onnx"
LOGGED = "models:/"


def aliased_version(client: "MlflowClient", model: str, alias: str) -> str | None:
    """Return the version that an alias points to, or none where the model or the alias isn't there."""
    with tracking_errors():
        models = client.search_registered_models(f"name = '{model}'")
    return str(models[0].aliases[alias]) if models and alias in models[0].aliases else None


def version_of_run(client: "MlflowClient", model: str, run_id: str) -> "ModelVersion | None":
    """Return the version that a Molino run has registered: the first, should there be several."""
    with tracking_errors():
        found = client.search_model_versions(f"name = '{model}' and tags.`{RUN_TAG}` = '{run_id}'")
    return min(found, key=lambda version: int(version.version), default=None)


def run_of_version(client: "MlflowClient", model: str, version: str) -> str:
    """Return the id of the Molino run that has registered a version.

    Raises:
        TrackingError: the model has no such version, or it was registered otherwise.
    """
    with tracking_errors():
        found = {str(one.version): one.tags.get(RUN_TAG) for one in client.search_model_versions(f"name = '{model}'")}
    if version not in found:
        there = f"it has {', '.join(sorted(found, key=int))}" if found else "nothing of it is registered"
        raise TrackingError(f"{model} has no version {version}: {there}")
    run_id = found[version]
    if not run_id:
        raise TrackingError(f"{model} version {version} was registered by no run of Molino, so it has no release")
    return str(run_id)


def register_once(
    client: "MlflowClient", model: str, run_id: str, mlflow_run_id: str, model_uri: str, tags: dict[str, str]
) -> "ModelVersion":
    """Return the version of a Molino run, made of a logged model (`models:/m-…`) where there is none yet.

    Two processes of the same run may get here at once: the later of two versions is taken back.
    """
    found = version_of_run(client, model, run_id)
    if found is not None:
        return found
    with tracking_errors(), _as_default(client.tracking_uri):
        _make_registered_model(client, model)
        model_id = model_uri.removeprefix(LOGGED)
        made = client.create_model_version(
            model, model_uri, mlflow_run_id, tags={**tags, RUN_TAG: run_id}, model_id=model_id
        )
        found = version_of_run(client, model, run_id) or made
        if int(found.version) != int(made.version):
            client.delete_model_version(model, str(made.version))
    return found


def point_alias(client: "MlflowClient", model: str, alias: str, version: str) -> None:
    """Make an alias point to a version."""
    with tracking_errors():
        client.set_registered_model_alias(model, alias, version)


def onnx_model_uri(client: "MlflowClient", mlflow_run_id: str) -> str:
    """Return the `models:/m-…` address of the ONNX model that a candidate's run has logged.

    Raises:
        TrackingError: the run has logged none.
    """
    with tracking_errors():
        outputs = client.get_run(mlflow_run_id).outputs
        for output in reversed(outputs.model_outputs if outputs else []):
            files = client.list_logged_model_artifacts(output.model_id)
            if any(file.path == ONNX_FILENAME for file in files):
                return f"{LOGGED}{output.model_id}"
    raise TrackingError(f"MLflow run {mlflow_run_id} has no ONNX model; run the train step again under a new run id")


@contextmanager
def _as_default(tracking_uri: str) -> Iterator[None]:
    """Make an address MLflow's default for a while.

    Over a database, MLflow looks up the model that a version is made of in the default one, not in the client's.
    """
    from mlflow.tracking import get_tracking_uri, set_tracking_uri

    before = get_tracking_uri()
    set_tracking_uri(tracking_uri)
    try:
        yield
    finally:
        set_tracking_uri(before)


def _make_registered_model(client: "MlflowClient", model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def version_tag(client: "MlflowClient", model: str, version: str, tag: str) -> str | None:
    """Return a tag of a version, or none where it isn't set."""
    with tracking_errors():
        value = client.get_model_version(model, version).tags.get(tag)
    return None if value is None else str(value)


def version_before(client: "MlflowClient", model: str, version: str) -> str | None:
    """Return the version that served before one came into service, as is noted on it; none where none is noted."""
    return version_tag(client, model, version, PREVIOUS_TAG) or None


def note_version_before(client: "MlflowClient", model: str, version: str, before: str | None) -> None:
    """Note on a version which one served before it, for a rollback and for a change that is taken up again."""
    tag_version(client, model, version, PREVIOUS_TAG, before or "")


def tag_version(client: "MlflowClient", model: str, version: str, tag: str, value: str) -> None:
    """Set a tag of a version."""
    with tracking_errors():
        client.set_model_version_tag(model, version, tag, value)
