"""What train leaves of each candidate in MLflow and in TensorBoard's folder, beside the losses as they come."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from molino.contracts.errors import StepError
from molino.contracts.model_file import Candidate
from molino.contracts.record import tensorboard_prefix
from training.step import Context
from training.train.candidates.contract import Trained
from training.train.model_log import requirements, save_onnx
from training.train.session import Session
from training.train.trials import Ended

if TYPE_CHECKING:
    import onnx

Status = Literal["FINISHED", "FAILED"]
_FINISHED: Status = "FINISHED"
_FAILED: Status = "FAILED"


@contextmanager
def parent_run(session: Session) -> Iterator[None]:
    """Log to the parent run what its candidates share, and close it as it ends."""
    tracker, status = session.context.tracker, _FAILED
    try:
        tracker.log_params(session.parent, shared_params(session))
        log_dataset(session, session.parent)
        yield
        status = _FINISHED
    finally:
        tracker.close(session.parent, status)


@contextmanager
def child_run(session: Session, candidate: Candidate, name: str) -> Iterator[str]:
    """Open a child run with the dataset and an empty folder of TensorBoard logs, and close it as it ends."""
    context, tracker = session.context, session.context.tracker
    tags = {**session.tags, "molino.candidate": candidate.name, "molino.kind": candidate.kind}
    child = tracker.open_child(session.experiment, session.parent, context.run_id, name, tags)
    status = _FAILED
    shutil.rmtree(session.material.tensorboard / name, ignore_errors=True)
    try:
        log_dataset(session, child)
        yield child
        status = _FINISHED
    except StepError as error:
        tracker.tag(child, {"molino.failed": str(error)})
        raise
    finally:
        tracker.close(child, status)


@contextmanager
def trial_run(session: Session, candidate: Candidate, child: str, number: int) -> Iterator[str]:
    """Open the run of a search's trial below its candidate's; what breaks it off closes it as failed."""
    tracker, name = session.context.tracker, f"{candidate.name}-trial-{number}"
    tags = {
        **session.tags,
        "molino.candidate": candidate.name,
        "molino.kind": candidate.kind,
        "molino.trial": str(number),
    }
    run = tracker.open_child(session.experiment, child, session.context.run_id, name, tags)
    try:
        yield run
    except BaseException:
        tracker.close(run, _FAILED)
        raise


def log_trial(session: Session, mlflow_run_id: str, values: Mapping[str, Any], trial: Ended) -> None:
    """Log what became of a trial, and close its run."""
    tracker = session.context.tracker
    tracker.log_params(mlflow_run_id, values)
    tracker.log_metrics(mlflow_run_id, {f"validation_{name}": value for name, value in trial.metrics.items()})
    tags = {"molino.state": trial.state} | ({"molino.failed": trial.cause} if trial.cause else {})
    tracker.tag(mlflow_run_id, tags)
    tracker.close(mlflow_run_id, _FAILED if trial.state == "failed" else _FINISHED)


def shared_params(session: Session) -> dict[str, Any]:
    """Return the parameters that all runs of a session have."""
    material, split = session.material, session.material.model.split
    return {
        "seed": material.seed,
        "split_test": split.test,
        "split_validation": split.validation,
        "selection": f"{len(session.folds)} folds" if session.folds else "validation",
        "rows_train": material.rows_train,
    }


def log_dataset(session: Session, mlflow_run_id: str) -> None:
    """Note the versioned data as what a run was trained on."""
    version = session.version
    source = {"git_remote": version.git_remote, "revision": version.revision, "path": version.path}
    profile = json.dumps({"num_rows": version.rows, "num_features": len(session.material.model.features)})
    session.context.tracker.log_dataset(mlflow_run_id, session.material.model.name, version.md5, source, profile)


def log_models(session: Session, candidate: str, child: str, trained: Trained, graph: "onnx.ModelProto") -> None:
    """Keep a candidate's graph and its native model as outputs of its run."""
    tracker, folder = session.context.tracker, session.context.workdir / "mlflow" / child
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    trained.save_native(folder / "native", requirements(trained.native_packages))
    tracker.log_model(session.experiment, child, f"{candidate}-native", folder / "native")
    save_onnx(graph, session.material.model, session.example, folder / "onnx")
    tracker.log_model(session.experiment, child, candidate, folder / "onnx")


def upload_tensorboard(context: Context, name: str) -> None:
    """Copy a candidate's logs to the store, over those of a killed try."""
    prefix = f"{tensorboard_prefix(context.model.name, context.run_id)}{name}/"
    for key in list(context.store.list(prefix)):
        context.store.delete(key)
    folder = context.settings.logs_folder / context.model.name / context.run_id / name
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        context.store.upload(path, f"{prefix}{path.relative_to(folder).as_posix()}")
