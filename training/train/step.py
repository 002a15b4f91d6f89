"""*train*: every candidate of the model file on the same rows, each exported to one ONNX graph that answers alike."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molino.contracts.errors import StepError
from molino.contracts.model_file import Candidate, ModelFile
from molino.contracts.record import Artifact
from molino.contracts.results import CandidateResult, IngestResult, TrainResult, VersionResult
from training.examples import typical_rows
from training.splits import TEST, TRAIN, VALIDATION
from training.step import Context, Outcome
from training.stores.folder import sha256_of
from training.train.candidate_run import Session, log_dataset, shared_params, train_candidate
from training.train.candidates.contract import Material
from training.train.choice import baseline, select
from training.train.data import Dataset, Rows
from training.train.encoding import fit_encoding
from training.train.parity import check_target
from training.train.reference import reference_statistics

if TYPE_CHECKING:
    import polars as pl

EXAMPLE_ROWS = 5
PARITY_ROWS = 10_000


def run(context: Context) -> Outcome:
    """Train all candidates on the versioned data.

    Raises:
        VersionError: the data revision can't be had.
        StepError: the data is not what ingest wrote, is too small, or no candidate could be trained.
        TrackingError: MLflow refused.
    """
    from training.data_repository.repository import fetch_revision

    clean = context.result("ingest", IngestResult).clean
    version = context.result("version", VersionResult)
    path = fetch_revision(context.settings, version, context.workdir / "clean.parquet")
    _check_data(path, clean, version)
    dataset = Dataset(path, context.model, context.settings.seed)
    held_out_path = context.workdir / "held_out.parquet"
    dataset.write_held_out(held_out_path)
    held_out = context.store.upload(held_out_path, context.key("held_out.parquet"), dataset.count(TEST))
    session, reference = _open(context, dataset, version, held_out_path)
    candidates, failed = _train_all(session)
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
        split=dataset.split,
        selected=select(context.model, [candidate for candidate, _ in candidates]),
        baseline=baseline(dataset, session.material.train),
        failed=failed,
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


def _open(context: Context, dataset: Dataset, version: VersionResult, held_out: Path) -> tuple[Session, Artifact]:
    model, training = context.model, context.model.training
    seed = training.seed if context.settings.seed is None else context.settings.seed
    train = dataset.sample(TRAIN, training.sample_rows, seed)
    _check_classes(model, train)
    _check_target(context, train)
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
    experiment = context.tracker.open_experiment(model.name)
    tags = {"molino.model": model.name, "molino.code_revision": context.settings.code_revision,
            "molino.data_revision": version.revision, "molino.model_file_sha256": context.loaded.sha256}  # fmt: skip
    parent = context.tracker.open_run(experiment, context.run_id, tags)
    held_out_rows = dataset.sample(TEST, PARITY_ROWS, seed)
    example = _example(model, held_out)
    return Session(context, material, held_out_rows, example, experiment, parent, tags, version), artifact


def _example(model: ModelFile, held_out: Path) -> "pl.DataFrame":
    """Return a few rows that are typical of the held-out ones, and none of them."""
    import polars as pl

    rows = pl.scan_parquet(held_out).select([feature.name for feature in model.features]).head(1000).collect()
    return typical_rows(rows, EXAMPLE_ROWS)


def _check_target(context: Context, train: Rows) -> None:
    """Say where 32-bit floats are coarse for a regression's target; StepError where they hide its values."""
    target = context.model.target
    if target.classes is None:
        coarse = check_target(target.name, train.target, context.model.training.parity_tolerance)
        if coarse:
            context.log.warning("coarse target", cause=coarse)


def _check_classes(model: ModelFile, train: Rows) -> None:
    for index, name in enumerate(model.target.classes or ()):
        if not (train.target == index).any():
            raise StepError(f"class {name!r} of {model.target.name} has no training row; give more data or drop it")


def _chosen(context: Context) -> list[Candidate]:
    """Return the candidates to train: those that the settings name, else all.

    Raises:
        StepError: the model file has no candidate of a name.
    """
    candidates = context.model.candidates
    if not context.settings.candidates:
        return list(candidates)
    named = [name.strip() for name in context.settings.candidates.split(",")]
    if unknown := set(named) - {candidate.name for candidate in candidates}:
        known = ", ".join(candidate.name for candidate in candidates)
        raise StepError(f"no candidate {', '.join(sorted(unknown))} in {context.loaded.path}; there are {known}")
    return [candidate for candidate in candidates if candidate.name in named]


def _train_all(session: Session) -> tuple[list[tuple[CandidateResult, dict[str, float]]], dict[str, str]]:
    """Train each candidate, and return those that could be, with their metrics, and the causes of those that couldn't.

    Raises:
        StepError: none could be trained; names each cause.
    """
    tracker, version = session.context.tracker, session.version
    status: Any = "FAILED"
    try:
        tracker.log_params(session.parent, shared_params(session))
        log_dataset(session, session.parent)
        found: list[tuple[CandidateResult, dict[str, float]]] = []
        failed: dict[str, str] = {}
        for candidate in _chosen(session.context):
            try:
                found.append(train_candidate(session, candidate))
            except StepError as error:
                failed[candidate.name] = str(error).removeprefix(f"candidate {candidate.name}: ")
                session.context.log.warning("candidate failed", candidate=candidate.name, cause=failed[candidate.name])
        if not found:
            causes = "; ".join(f"candidate {name}: {cause}" for name, cause in failed.items())
            raise StepError(f"no candidate of {session.context.model.name} could be trained: {causes}")
        for trained, metrics in found:
            named = {f"{trained.name}.{name}": value for name, value in metrics.items()}
            tracker.log_metrics(session.parent, named)
        status = "FINISHED"
    finally:
        tracker.close(session.parent, status)
    session.context.log.info("trained", candidates=len(found), revision=version.revision)
    return found, failed
