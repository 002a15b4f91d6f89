"""*train*: every candidate of the model file on the same rows, each exported to one ONNX graph that answers alike."""

import json
import shutil
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molino.errors import StepError
from molino.model_file import Candidate, ModelFile
from molino.record import Artifact
from molino.results import CandidateResult, IngestResult, TrainResult, VersionResult
from training.candidates import fit
from training.candidates.contract import Material, Trained
from training.data import Dataset, Rows
from training.encoding import fit_encoding
from training.export import export_candidate
from training.graph_answers import graph_answers
from training.model_log import NATIVE_REQUIREMENTS, requirements, save_onnx
from training.parity import check_parity, generate_rows, measure_parity
from training.progress import Progress
from training.reference import reference_statistics
from training.split import TEST, TRAIN, VALIDATION
from training.step import Context, Outcome
from training.store import sha256_of

if TYPE_CHECKING:
    import polars as pl

EXAMPLE_ROWS = 5
PARITY_ROWS = 10_000


@dataclass(frozen=True)
class _Session:
    """One run of the step: what all candidates share."""

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


def run(context: Context) -> Outcome:
    """Train all candidates on the versioned data.

    Raises:
        VersionError: the data revision can't be had.
        StepError: the data is not what ingest wrote, is too small, or a graph and its native model disagree.
        TrackingError: MLflow refused.
    """
    from training.data_versions import fetch_revision

    clean = context.result("ingest", IngestResult).clean
    version = context.result("version", VersionResult)
    path = fetch_revision(context.settings, version, context.workdir / "clean.parquet")
    _check_data(path, clean, version)
    seed = context.settings.seed
    dataset = Dataset(path, context.model, context.model.split.seed if seed is None else seed)
    held_out_path = context.workdir / "held_out.parquet"
    dataset.write_held_out(held_out_path)
    held_out = context.store.upload(held_out_path, context.key("held_out.parquet"), dataset.count(TEST))
    session, reference = _open(context, dataset, version, held_out_path)
    candidates = _train_all(session)
    result = TrainResult(
        revision=version.revision,
        mlflow_experiment_id=session.experiment,
        mlflow_run_id=session.parent,
        candidates=tuple(candidate for candidate, _ in candidates),
        held_out=held_out,
        reference=reference,
        rows_train=dataset.count(TRAIN),
        rows_validation=dataset.count(VALIDATION),
        rows_test=dataset.count(TEST),
    )
    return Outcome(
        result,
        inputs=(clean,),
        outputs=(held_out, reference, *(candidate.onnx for candidate, _ in candidates)),
        metrics={f"{one.name}.{name}": value for one, metrics in candidates for name, value in metrics.items()},
    )


def _check_data(path: Path, clean: Artifact, version: VersionResult) -> None:
    found = sha256_of(path)
    if found != clean.sha256:
        raise StepError(
            f"{version.path} of revision {version.revision} in {version.git_remote} has sha256 {found}, but ingest "
            f"wrote {clean.sha256}: the data repository was altered; start a new run"
        )


def _open(context: Context, dataset: Dataset, version: VersionResult, held_out: Path) -> tuple[_Session, Artifact]:
    import polars as pl

    model, training = context.model, context.model.training
    seed = training.seed if context.settings.seed is None else context.settings.seed
    train = dataset.sample(TRAIN, training.sample_rows, seed)
    _check_classes(model, train)
    values = dataset.overview.values
    statistics = reference_statistics(model, values, train.features)
    reference = {name: one.model_dump(mode="json") for name, one in statistics.items()}
    artifact = context.store.write(context.key("reference.json"), json.dumps(reference, indent=2).encode())
    material = Material(
        model=model,
        encoding=fit_encoding(model, values, train.features),
        train=train,
        validation=dataset.sample(VALIDATION, training.sample_rows, seed),
        rows_train=dataset.count(TRAIN),
        stream=partial(dataset.stream, TRAIN),
        seed=seed,
        tensorboard=context.settings.logs_folder / model.name / context.run_id,
        report=lambda *_: None,
    )
    names = [feature.name for feature in model.features]
    example = pl.scan_parquet(held_out).select(names).head(1000).collect().drop_nulls().head(EXAMPLE_ROWS)
    experiment = context.tracker.open_experiment(model.name)
    tags = {"molino.model": model.name, "molino.code_revision": context.settings.code_revision,
            "molino.data_revision": version.revision, "molino.model_file_sha256": context.loaded.sha256}  # fmt: skip
    parent = context.tracker.open_run(experiment, context.run_id, tags)
    held_out_rows = dataset.sample(TEST, PARITY_ROWS, seed)
    return _Session(context, material, held_out_rows, example, experiment, parent, tags, version), artifact


def _check_classes(model: ModelFile, train: Rows) -> None:
    for index, name in enumerate(model.target.classes or ()):
        if not (train.target == index).any():
            raise StepError(f"class {name!r} of {model.target.name} has no training row; give more data or drop it")


def _train_all(session: _Session) -> list[tuple[CandidateResult, dict[str, float]]]:
    tracker, material, version = session.context.tracker, session.material, session.version
    status: Any = "FAILED"
    try:
        tracker.log_params(session.parent, _shared_params(session))
        _log_dataset(session, session.parent)
        found = [_train_one(session, candidate) for candidate in material.model.candidates]
        for candidate, metrics in found:
            named = {f"{candidate.name}.{name}": value for name, value in metrics.items()}
            tracker.log_metrics(session.parent, named)
        status = "FINISHED"
    finally:
        tracker.close(session.parent, status)
    session.context.log.info("trained", candidates=len(found), revision=version.revision)
    return found


def _train_one(session: _Session, candidate: Candidate) -> tuple[CandidateResult, dict[str, float]]:
    context = session.context
    tracker = context.tracker
    tags = {**session.tags, "molino.candidate": candidate.name, "molino.kind": candidate.kind}
    child = tracker.open_child(session.experiment, session.parent, context.run_id, candidate.name, tags)
    status: Any = "FAILED"
    try:
        _log_dataset(session, child)
        progress = Progress(candidate.name, context.log, tracker, child)
        folder = session.material.tensorboard / candidate.name
        shutil.rmtree(folder, ignore_errors=True)
        material = replace(session.material, tensorboard=folder, report=progress)
        started = time.monotonic()
        trained = fit(candidate, material)
        seconds = time.monotonic() - started
        progress.close()
        result, metrics = _keep(session, candidate, trained, child, seconds)
        status = "FINISHED"
    finally:
        tracker.close(child, status)
    return result, metrics


def _keep(
    session: _Session, candidate: Candidate, trained: Trained, child: str, seconds: float
) -> tuple[CandidateResult, dict[str, float]]:
    """Export a trained candidate, check that its graph answers alike, and log all of it."""
    context, material = session.context, session.material
    graph = export_candidate(material.model, material.encoding, trained)
    path = context.workdir / f"{candidate.name}.onnx"
    path.write_bytes(graph.SerializeToString(deterministic=True))
    parity = _parity(session, candidate, trained, path)
    answers = trained.predict(material.validation.features)
    metrics = validation_metrics(material.validation.target, answers) | {"parity": parity}
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
        | _shared_params(session)
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
    )
    context.log.info(
        "candidate", name=candidate.name, rounded={name: round(value, 6) for name, value in metrics.items()}
    )
    return result, metrics


def _parity(session: _Session, candidate: Candidate, trained: Trained, path: Path) -> float:
    """Return the greatest difference between graph and native model; StepError where it is above the tolerance."""
    material = session.material
    model, encoding = material.model, material.encoding
    spread = 1.0 if material.classes else float(material.train.target.std()) or 1.0
    worst = 0.0
    for rows in (session.held_out_rows.features, generate_rows(model, encoding, material.seed)):
        found = measure_parity(model, encoding, trained.predict, graph_answers(path, model, encoding), rows, spread)
        check_parity(candidate.name, found, model.training.parity_tolerance)
        worst = max(worst, found.worst)
    return worst


def validation_metrics(target: NDArray[Any], answers: NDArray[np.float64]) -> dict[str, float]:
    """Return how a candidate does on the validation rows.

    Args:
        target: [n] numbers, or positions of the classes.
        answers: [n] predictions, or [n, classes] probabilities.
    """
    if answers.ndim == 1:
        error = answers - target
        return {
            "validation_rmse": float(np.sqrt(np.mean(error**2))),
            "validation_mae": float(np.mean(np.abs(error))),
        }
    own = answers[np.arange(len(target)), target].clip(np.finfo(np.float32).eps, 1)
    return {
        "validation_accuracy": float(np.mean(answers.argmax(axis=1) == target)),
        "validation_log_loss": float(-np.mean(np.log(own))),
    }


def _shared_params(session: _Session) -> dict[str, Any]:
    material, split = session.material, session.material.model.split
    return {
        "seed": material.seed,
        "split_test": split.test,
        "split_validation": split.validation,
        "rows_train": material.rows_train,
    }


def _log_dataset(session: _Session, mlflow_run_id: str) -> None:
    version = session.version
    source = {"git_remote": version.git_remote, "revision": version.revision, "path": version.path}
    profile = json.dumps({"num_rows": version.rows, "num_features": len(session.material.model.features)})
    session.context.tracker.log_dataset(mlflow_run_id, session.material.model.name, version.md5, source, profile)


def _log_models(session: _Session, candidate: Candidate, trained: Trained, graph: Any, child: str) -> None:
    tracker, folder = session.context.tracker, session.context.workdir / "mlflow" / candidate.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    trained.save_native(folder / "native", requirements(NATIVE_REQUIREMENTS[candidate.kind]))
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
