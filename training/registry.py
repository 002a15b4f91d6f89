"""MLflow's model registry: versions found by the run that made them, and the aliases `challenger` and `champion`."""

from typing import TYPE_CHECKING

from molino.errors import TrackingError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

CHALLENGER = "challenger"
CHAMPION = "champion"
RUN_TAG = "molino.run_id"
ONNX_FILENAME = "model.onnx"


def aliased_version(client: "MlflowClient", model: str, alias: str) -> str | None:
    """Return the version that an alias points to, or none where the model or the alias isn't there."""
    models = client.search_registered_models(f"name = '{model}'")
    return str(models[0].aliases[alias]) if models and alias in models[0].aliases else None


def version_of_run(client: "MlflowClient", model: str, run_id: str) -> "ModelVersion | None":
    """Return the version that a Molino run has registered: the first, should there be several."""
    found = client.search_model_versions(f"name = '{model}' and tags.`{RUN_TAG}` = '{run_id}'")
    return min(found, key=lambda version: int(version.version), default=None)


def register_once(
    client: "MlflowClient", model: str, run_id: str, mlflow_run_id: str, source: str, tags: dict[str, str]
) -> "ModelVersion":
    """Return the version of a Molino run, made where there is none yet.

    Two processes of the same run may get here at once: the later of two versions is taken back.
    """
    found = version_of_run(client, model, run_id)
    if found is None:
        _make_registered_model(client, model)
        made = client.create_model_version(model, source, mlflow_run_id, tags={**tags, RUN_TAG: run_id})
        found = version_of_run(client, model, run_id) or made
        if int(found.version) != int(made.version):
            client.delete_model_version(model, str(made.version))
    return found


def onnx_model_uri(client: "MlflowClient", mlflow_run_id: str) -> str:
    """Return the `models:/m-…` address of the ONNX model that a candidate's run has logged.

    Raises:
        TrackingError: the run has logged none.
    """
    outputs = client.get_run(mlflow_run_id).outputs
    for output in reversed(outputs.model_outputs if outputs else []):
        files = client.list_logged_model_artifacts(output.model_id)
        if any(file.path == ONNX_FILENAME for file in files):
            return f"models:/{output.model_id}"
    raise TrackingError(f"MLflow run {mlflow_run_id} has no ONNX model; run the train step again under a new run id")


def _make_registered_model(client: "MlflowClient", model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise TrackingError(f"MLflow refused to make the registered model {model}: {error}") from error
