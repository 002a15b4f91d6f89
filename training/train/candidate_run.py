"""One candidate of a run: trained, exported, compared with its graph, and logged with all that led to it."""

import json
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.model_file import Candidate
from molino.contracts.results import CandidateResult, VersionResult
from training.graphs.graph import Predictions
from training.metrics.score import values
from training.step import Context
from training.train.candidates import bounded, fit
from training.train.candidates.contract import Material, Trained
from training.train.data import Rows
from training.train.export import export_candidate
from training.train.graph_predictions import graph_predictions
from training.train.model_log import requirements, save_onnx
from training.train.parity import check_labels, check_parity, generate_rows, measure_parity
from training.train.progress import Progress

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Session:
    """What all candidates of a run share."""

    context: Context
    material: Material
    """`tensorboard` and `report` are each candidate's own."""
    held_out_rows: Rows
    """Test rows, as many as parity asks about. No candidate is trained or chosen by them."""
    example: "pl.DataFrame"
    experiment: str
    parent: str
    tags: dict[str, str]
    version: VersionResult


def train_candidate(session: Session, candidate: Candidate) -> tuple[CandidateResult, dict[str, float]]:
    """Train a candidate under a child run of its own, and return what the record needs of it with its metrics.

    Raises:
        StepError: it can't be trained, or its graph answers otherwise than the native model.
        TrackingError: MLflow refused.
    """
    context = session.context
    tracker = context.tracker
    tags = {**session.tags, "molino.candidate": candidate.name, "molino.kind": candidate.kind}
    child = tracker.open_child(session.experiment, session.parent, context.run_id, candidate.name, tags)
    status: Any = "FAILED"
    try:
        log_dataset(session, child)
        progress = Progress(candidate.name, context.log, tracker, child)
        folder = session.material.tensorboard / candidate.name
        shutil.rmtree(folder, ignore_errors=True)
        material = replace(session.material, tensorboard=folder, report=progress)
        started = time.monotonic()
        trained = _fit(candidate, material)
        seconds = time.monotonic() - started
        progress.close()
        result, metrics = _keep(session, candidate, trained, child, seconds)
        status = "FINISHED"
    except StepError as error:
        tracker.tag(child, {"molino.failed": str(error)})
        raise
    finally:
        tracker.close(child, status)
    return result, metrics


def _fit(candidate: Candidate, material: Material) -> Trained:
    """Train a candidate; what its hyperparameters and the data make impossible is its own failure."""
    try:
        return fit(candidate, material)
    except (ArithmeticError, MemoryError, ValueError, np.linalg.LinAlgError) as error:
        cause = str(error).strip().partition("\n")[0] or type(error).__name__
        raise StepError(f"it can't be trained on this data: {cause}") from error


def _keep(
    session: Session, candidate: Candidate, trained: Trained, child: str, seconds: float
) -> tuple[CandidateResult, dict[str, float]]:
    """Export a trained candidate, check that its graph answers alike, and log all of it."""
    context, material = session.context, session.material
    graph = export_candidate(material.model, material.encoding, trained)
    path = context.workdir / f"{candidate.name}.onnx"
    path.write_bytes(graph.SerializeToString(deterministic=True))
    parity = _parity(session, candidate, trained, path)
    on_validation = validation_metrics(
        material.validation, bounded(material.model, trained)(material.validation.features)
    )
    metrics = {f"validation_{name}": value for name, value in on_validation.items()} | {"parity": parity}
    sampled = trained.rows_trained < material.rows_train
    if sampled:
        context.log.info(
            "trained on a sample", candidate=candidate.name, rows=trained.rows_trained, of=material.rows_train
        )
    tracker = context.tracker
    tracker.log_metrics(child, metrics | {"training_seconds": seconds})
    tracker.log_params(
        child,
        candidate.model_dump(mode="json")
        | shared_params(session)
        | trained.params()
        | {"rows_trained": trained.rows_trained, "sampled": sampled},
    )
    _log_models(session, candidate, trained, graph, child)
    _upload_tensorboard(context, candidate.name)
    result = CandidateResult(
        name=candidate.name,
        kind=candidate.kind,
        mlflow_run_id=child,
        onnx=context.store.upload(path, context.key(f"{candidate.name}.onnx")),
        parity=parity,
        rows_trained=trained.rows_trained,
        sampled=sampled,
        seconds=seconds,
        validation=on_validation,
    )
    context.log.info(
        "candidate", name=candidate.name, rounded={name: round(value, 6) for name, value in metrics.items()}
    )
    return result, metrics


def _parity(session: Session, candidate: Candidate, trained: Trained, path: Path) -> float:
    """Return the greatest difference between graph and native model; StepError where it is above the tolerance."""
    material = session.material
    model, encoding = material.model, material.encoding
    spread = 1.0 if material.classes else float(material.train.target.std()) or 1.0
    native, graph = bounded(model, trained), graph_predictions(path, model, encoding)
    worst, tolerance = 0.0, model.training.parity_tolerance
    for rows in (session.held_out_rows.features, generate_rows(encoding, material.seed)):
        found = measure_parity(encoding, native, graph, rows, spread)
        check_parity(candidate.name, found, tolerance)
        if model.target.classes:
            check_labels(candidate.name, native(rows), graph.labels(rows), model.target.classes, tolerance)
        worst = max(worst, found.worst)
    return worst


def validation_metrics(rows: Rows, answers: NDArray[np.float64]) -> dict[str, float]:
    """Return every metric of the task that is defined on the validation rows.

    Args:
        rows: the validation rows.
        answers: [n] predictions, or [n, classes] probabilities.

    Raises:
        StepError: an answer is NaN or infinite.
    """
    if not np.isfinite(answers).all():
        raise StepError("it answers validation rows with NaN or infinity; try a smaller learning_rate")
    labels = answers.argmax(axis=1).astype(np.intp) if answers.ndim > 1 else None
    return values(rows.target, Predictions(answers, labels))


def shared_params(session: Session) -> dict[str, Any]:
    """Return the parameters that all runs of a session have."""
    material, split = session.material, session.material.model.split
    return {
        "seed": material.seed,
        "split_test": split.test,
        "split_validation": split.validation,
        "rows_train": material.rows_train,
    }


def log_dataset(session: Session, mlflow_run_id: str) -> None:
    """Note the versioned data as what a run was trained on."""
    version = session.version
    source = {"git_remote": version.git_remote, "revision": version.revision, "path": version.path}
    profile = json.dumps({"num_rows": version.rows, "num_features": len(session.material.model.features)})
    session.context.tracker.log_dataset(mlflow_run_id, session.material.model.name, version.md5, source, profile)


def _log_models(session: Session, candidate: Candidate, trained: Trained, graph: Any, child: str) -> None:
    tracker, folder = session.context.tracker, session.context.workdir / "mlflow" / candidate.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    trained.save_native(folder / "native", requirements(trained.native_packages))
    tracker.log_model(session.experiment, child, f"{candidate.name}-native", folder / "native")
    save_onnx(graph, session.material.model, session.example, folder / "onnx")
    tracker.log_model(session.experiment, child, candidate.name, folder / "onnx")


def _upload_tensorboard(context: Context, candidate: str) -> None:
    """Copy a candidate's logs to the store, over those of a killed try."""
    place = f"{context.model.name}/{context.run_id}/{candidate}"
    for key in list(context.store.list(f"tensorboard/{place}/")):
        context.store.delete(key)
    folder = context.settings.logs_folder / place
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        context.store.upload(path, f"tensorboard/{place}/{path.relative_to(folder).as_posix()}")
