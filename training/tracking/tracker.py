"""MLflow: one experiment per model, one parent run per Molino run, one child run per candidate."""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from molino.contracts.errors import TrackingError
from molino.contracts.settings import Settings, make_folder

if TYPE_CHECKING:
    from mlflow.entities import Run

RUN_TAG = "molino.run_id"
BATCH_METRICS = 1000
MOST_TAG_CHARACTERS = 5000


LIBRARIES = ("mlflow.tracking", "mlflow.store.tracking.sqlalchemy_store")
"""What a client of a database takes."""


class Tracker:
    """The part of MLflow that steps use; `client` is there for the rest. Sets nothing of MLflow's but who we are."""

    def __init__(self, settings: Settings) -> None:
        if settings.tracking_file:
            make_folder(settings.tracking_file.parent)
        # MLflow would report its use to its makers, and wait at its end where they can't be reached.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow.tracking import MlflowClient

        _silence()
        self.settings = settings
        address = _log_in(settings)
        with tracking_errors():
            self.client = MlflowClient(tracking_uri=address, registry_uri=address)

    def open_experiment(self, model: str) -> str:
        """Return the id of a model's experiment, made where there is none yet."""
        from mlflow.exceptions import MlflowException

        root = self.settings.artifacts_uri
        location = None if root is None else f"{_as_uri(root)}/{model}"
        with tracking_errors():
            try:
                return str(self.client.create_experiment(model, artifact_location=location))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            experiment = self.client.get_experiment_by_name(model)
        if experiment is None or experiment.lifecycle_stage == "deleted":
            raise TrackingError(f"the MLflow experiment {model!r} is deleted; restore it or delete it for good")
        return str(experiment.experiment_id)

    def runs_of(self, experiment_id: str, run_id: str) -> list["Run"]:
        """Return the parent run and the candidates' runs of a Molino run."""
        with tracking_errors():
            return list(self.client.search_runs([experiment_id], f"tags.`{RUN_TAG}` = '{run_id}'"))

    def open_run(self, experiment_id: str, run_id: str, tags: Mapping[str, str]) -> str:
        """Start the parent run of a Molino run; what a killed try of it has left is taken away first."""
        for left in self.runs_of(experiment_id, run_id):
            self._delete(left)
        return self._start(experiment_id, run_id, {**tags, RUN_TAG: run_id})

    def open_child(self, experiment_id: str, parent: str, run_id: str, name: str, tags: Mapping[str, str]) -> str:
        """Start a candidate's run below a parent run."""
        return self._start(experiment_id, name, {**tags, RUN_TAG: run_id, "mlflow.parentRunId": parent})

    def close(self, mlflow_run_id: str, status: Literal["FINISHED", "FAILED"] = "FINISHED") -> None:
        """End a run."""
        with tracking_errors():
            self.client.set_terminated(mlflow_run_id, status)

    def tag(self, mlflow_run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        with tracking_errors():
            for name, value in tags.items():
                self.client.set_tag(mlflow_run_id, name, value[:MOST_TAG_CHARACTERS])

    def log_params(self, mlflow_run_id: str, params: Mapping[str, Any]) -> None:
        """Write parameters."""
        from mlflow.entities import Param

        with tracking_errors():
            self.client.log_batch(mlflow_run_id, params=[Param(key, str(value)) for key, value in params.items()])

    def log_metrics(self, mlflow_run_id: str, metrics: Mapping[str, float]) -> None:
        """Write metrics that have one value."""
        self.log_history(mlflow_run_id, {name: [value] for name, value in metrics.items()})

    def log_history(self, mlflow_run_id: str, history: Mapping[str, Sequence[float]], first: int = 0) -> None:
        """Write metrics with a value per step (such as an epoch), the first of them at step `first`."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        points = [
            Metric(name, float(value), now, step)
            for name, values in history.items()
            for step, value in enumerate(values, start=first)
        ]
        with tracking_errors():
            for start in range(0, len(points), BATCH_METRICS):
                self.client.log_batch(mlflow_run_id, metrics=points[start : start + BATCH_METRICS])

    def log_dataset(self, mlflow_run_id: str, name: str, digest: str, source: Mapping[str, str], profile: str) -> None:
        """Note which version of the data a run was trained on."""
        import json

        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(name, digest[:36], "dvc", json.dumps(dict(source)), profile=profile)
        tag = InputTag("mlflow.data.context", "training")
        with tracking_errors():
            self.client.log_inputs(mlflow_run_id, [DatasetInput(dataset, [tag])])

    def log_figure(self, mlflow_run_id: str, figure: Any, name: str) -> None:
        """Keep a matplotlib figure as an artifact; `name` is such as `plots/roc.png`."""
        with tracking_errors():
            self.client.log_figure(mlflow_run_id, figure, name)

    def log_model(self, experiment_id: str, mlflow_run_id: str, name: str, folder: Path) -> str:
        """Keep a saved model (a folder with an `MLmodel` file) as an output of a run.

        Returns:
            Its address, `models:/m-…`.
        """
        from mlflow.entities import LoggedModelOutput

        with tracking_errors():
            model = self.client.create_logged_model(experiment_id, name, mlflow_run_id)
            _sign(folder / "MLmodel", model.model_id, mlflow_run_id, model.artifact_location)
            self.client.log_model_artifacts(model.model_id, str(folder))
            self.client.finalize_logged_model(model.model_id, "READY")
            self.client.log_outputs(mlflow_run_id, [LoggedModelOutput(model.model_id, step=0)])
        return f"models:/{model.model_id}"

    def _start(self, experiment_id: str, name: str, tags: Mapping[str, str]) -> str:
        with tracking_errors():
            return str(self.client.create_run(experiment_id, tags=dict(tags), run_name=name).info.run_id)

    def _delete(self, run: "Run") -> None:
        with tracking_errors():
            for output in run.outputs.model_outputs if run.outputs else []:
                self.client.delete_logged_model(output.model_id)
            self.client.delete_run(run.info.run_id)


@contextmanager
def tracking_errors() -> Iterator[None]:
    """Turn MLflow's errors into one line.

    Raises:
        TrackingError: MLflow refused, or can't be reached.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise TrackingError(f"MLflow: {str(error).splitlines()[0]}") from error


def _sign(mlmodel: Path, model_id: str, mlflow_run_id: str, location: str) -> None:
    """Write into an `MLmodel` file which logged model it is."""
    import yaml

    content = yaml.safe_load(mlmodel.read_text())
    content |= {"model_id": model_id, "run_id": mlflow_run_id, "artifact_path": location}
    mlmodel.write_text(yaml.safe_dump(content))


def _as_uri(root: str) -> str:
    return root.rstrip("/") if "://" in root else Path(root).resolve().as_uri()


def _log_in(settings: Settings) -> str:
    """Hand user and password of a server to MLflow, which reads them from these variables; return the address to ask.

    MLflow tells a server's address to all, so it is without them; a database's is whole.
    """
    address = settings.tracking_uri
    login = address.login if address.scheme in ("http", "https") else None
    if settings.mlflow_username and settings.mlflow_password:
        login = settings.mlflow_username, settings.mlflow_password.get_secret_value()
    if login:
        os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = login
    return str(address) if address.scheme in ("http", "https") else address.secret


def _silence() -> None:
    """Keep MLflow's and Alembic's notes out of the terminal; errors still come as exceptions."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
