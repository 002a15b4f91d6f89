"""*train*: every candidate of the model file on the same rows, each exported to one ONNX graph that answers alike."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from molino.contracts.contradictions import Contradiction
from molino.contracts.errors import ModelFileError, NoCandidateError, StepError
from molino.contracts.model_file import Candidate, LoadedModel, ModelFile, place_of
from molino.contracts.record import Artifact
from molino.contracts.results import IngestResult, TrainResult, VersionResult
from training.examples import typical_rows
from training.splits import CALIBRATION, TEST, TRAIN, VALIDATION
from training.step import Context, Outcome
from training.stores.opening import sha256_of
from training.tracking.tracker import LIBRARIES as TRACKING_LIBRARIES
from training.train.candidate_run import FULL, refit_candidate, train_candidate
from training.train.candidates import FIRST, LIBRARIES, faults, import_first, slow_imports
from training.train.candidates.contract import Material
from training.train.choice import baseline, select
from training.train.data import Dataset, Rows
from training.train.folds import divide
from training.train.intervals import set_aside
from training.train.parity import check_target
from training.train.preparation import prepare
from training.train.reference import reference_statistics
from training.train.run_log import parent_run
from training.train.search import LIBRARIES as SEARCH_LIBRARIES
from training.train.session import Session, Trial
from training.train.transforms.transform import transform_named

if TYPE_CHECKING:
    import polars as pl

EXAMPLE_ROWS = 5
PARITY_ROWS = 10_000


def libraries(model: ModelFile) -> tuple[str, ...]:
    """Return the modules that the work takes and that are slow to import."""
    first, last = (slow_imports(model.candidates, which) for which in (FIRST, LIBRARIES))
    searching = SEARCH_LIBRARIES if any(candidate.ranges for candidate in model.candidates) else ()
    return (*first, *searching, "dvc.repo", "polars", "onnxruntime", "mlflow.onnx", *TRACKING_LIBRARIES, *last)


def run(context: Context) -> Outcome:
    """Train all candidates on the versioned data, and choose one of them without a look at test rows.

    Raises:
        ModelFileError: a candidate is wrong in what only its library can tell.
        VersionError: the data revision can't be had.
        StepError: the data is not what ingest wrote, is too small, or no candidate could be trained.
        TrackingError: MLflow refused.
    """
    from training.data_repository.copies import copies_of
    from training.data_repository.repository import fetch_revision

    import_first(_asked(context))
    _check_candidates(context)
    ingested = context.result("ingest", IngestResult)
    for name, cause in ingested.coarse_features.items():
        context.log.warning("coarse feature", feature=name, cause=cause)
    clean = ingested.clean
    version = context.result("version", VersionResult)
    copies = copies_of(context.store, context.model.name, clean)
    path = fetch_revision(context.settings, version, context.workdir / "clean.parquet", copies)
    _check_data(path, clean, version)
    dataset = set_aside(Dataset(path, context.model, context.settings.seed))
    held_out_path = context.workdir / "held_out.parquet"
    dataset.write_held_out(held_out_path)
    held_out = context.store.upload(held_out_path, context.key("held_out.parquet"), dataset.count(TEST))
    session = _open(context, dataset, version, held_out_path)
    with parent_run(session):
        trials, failed = _train_all(session)
        chosen = select(context.model, [trial.result for trial in trials.values()])
        final, material = _final(session, dataset)
        if final is not dataset:
            trials[chosen] = _refit(replace(session, material=material), trials[chosen], trials)
        whole = _on_all_rows(session, dataset, trials[chosen], trials) if context.model.selection.refit_full else None
        metrics = {f"{name}.{metric}": value for name, one in trials.items() for metric, value in one.metrics.items()}
        context.tracker.log_metrics(session.parent, metrics)
    candidates = tuple(trial.result for trial in trials.values())
    reference = _reference(context, *(whole.seen if whole else (final, material)))
    result = TrainResult(
        revision=version.revision,
        mlflow_experiment_id=session.experiment,
        mlflow_run_id=session.parent,
        candidates=candidates,
        held_out=held_out,
        reference=reference,
        rows_train=dataset.count(TRAIN),
        rows_validation=dataset.count(VALIDATION),
        rows_test=dataset.count(TEST),
        split=dataset.split.model_copy(update={"refitted": final is not dataset, "all_rows": whole is not None}),
        selected=chosen,
        selection="folds" if session.folds else "validation",
        baseline=baseline(final, material.train),
        failed=failed,
        full=whole.trial.result if whole else None,
    )
    graphs = (*candidates, result.full) if result.full else candidates
    outputs = (held_out, reference, *(candidate.onnx for candidate in graphs))
    return Outcome(result, inputs=(clean,), outputs=outputs, metrics=metrics)


def _check_candidates(context: Context) -> None:
    """Tell before any training what a candidate's own library finds wrong with it.

    Raises:
        ModelFileError: one line per fault.
    """
    asked = _asked(context)
    found = [
        f"{place_of(context.loaded, ('candidates', index, *key))}: {problem}"
        for index, candidate in enumerate(context.model.candidates)
        if candidate in asked
        for key, problem in _faults(candidate, context.loaded)
    ]
    if found:
        raise ModelFileError("\n".join(found))


def _faults(candidate: Candidate, loaded: LoadedModel) -> Iterator[Contradiction]:
    """Yield what a candidate's library finds wrong with it.

    Of one with ranges it is asked about both ends: what is wrong with a range, and what is wrong at either end. What
    only one combination of values has wrong is a trial's own failure.
    """
    if not candidate.ranges:
        yield from faults(candidate, loaded)
        return
    ends = [dict(faults(one, loaded)) for one in candidate.ends]
    for key, problem in {key: problem for end in reversed(ends) for key, problem in end.items()}.items():
        if ".".join(map(str, key)) in candidate.ranges or all(key in end for end in ends):
            yield key, problem


def _check_data(path: Path, clean: Artifact, version: VersionResult) -> None:
    found = sha256_of(path)
    if found != clean.sha256:
        raise StepError(
            f"{version.path} of revision {version.revision} in {version.git_remote} has sha256 {found}, but ingest "
            f"wrote {clean.sha256}: the data repository was altered; start a new run"
        )


def _open(context: Context, dataset: Dataset, version: VersionResult, held_out: Path) -> Session:
    model = context.model
    seed = model.training.seed if context.settings.seed is None else context.settings.seed
    material = prepare(dataset, seed, context.settings.logs_folder / model.name / context.run_id)
    material = replace(material, code=context.loaded.code)
    for rows in (material.train, material.validation):
        _check_transform(model, rows)
    _check_target(context, material.train)
    folds = divide(dataset, model.selection.folds) if model.selection.folds else ()
    experiment = context.tracker.open_experiment(model.name)
    tags = {"molino.model": model.name, "molino.code_revision": context.settings.code_revision,
            "molino.data_revision": version.revision, "molino.model_file_sha256": context.loaded.sha256}  # fmt: skip
    parent = context.tracker.open_run(experiment, context.run_id, tags)
    held_out_rows = dataset.sample(TEST, PARITY_ROWS, seed)
    example = _example(model, held_out)
    return Session(context, material, folds, held_out_rows, example, experiment, parent, tags, version)


def _example(model: ModelFile, held_out: Path) -> "pl.DataFrame":
    """Return a few rows that are typical of the held-out ones, and none of them."""
    import polars as pl

    rows = pl.scan_parquet(held_out).select([feature.name for feature in model.features]).head(1000).collect()
    return typical_rows(rows, EXAMPLE_ROWS, [feature.name for feature in model.features if feature.worded])


def _check_transform(model: ModelFile, rows: Rows) -> None:
    """Refuse a target that has values which the model file's transform can't take."""
    if model.target.transform is not None:
        transform_named(model.target.transform).check(model.target.name, rows.target)


def _check_target(context: Context, train: Rows) -> None:
    """Say where 32-bit floats are coarse for a regression's target; StepError where they hide its values."""
    target = context.model.target
    if target.classes is None:
        coarse = check_target(target.name, train.target, context.model.training.parity_tolerance)
        if coarse:
            context.log.warning("coarse target", cause=coarse)


def _asked(context: Context) -> list[Candidate]:
    """Return the candidates to train, ensembles last: those that the settings name, else all.

    Raises:
        StepError: the model file has no candidate of a name.
    """
    candidates = sorted(context.model.candidates, key=lambda candidate: candidate.blends)
    named = context.settings.candidate_names
    if not named:
        return candidates
    if unknown := named - {candidate.name for candidate in candidates}:
        known = ", ".join(candidate.name for candidate in candidates)
        raise StepError(f"no candidate {', '.join(sorted(unknown))} in {context.loaded.path}; there are {known}")
    return [candidate for candidate in candidates if candidate.name in named]


def _train_all(session: Session) -> tuple[dict[str, Trial], dict[str, str]]:
    """Train each candidate, and return those that could be, and the causes of those that couldn't, by name.

    Raises:
        NoCandidateError: none could be trained; names each cause.
    """
    trials: dict[str, Trial] = {}
    failed: dict[str, str] = {}
    for candidate in _asked(session.context):
        members = {name: one for name, one in trials.items() if not one.candidate.blends} if candidate.blends else {}
        try:
            trials[candidate.name] = train_candidate(session, candidate, members)
        except StepError as error:
            failed[candidate.name] = str(error).removeprefix(f"candidate {candidate.name}: ")
            session.context.log.warning("candidate failed", candidate=candidate.name, cause=failed[candidate.name])
    if not trials:
        causes = "; ".join(f"candidate {name}: {cause}" for name, cause in failed.items())
        raise NoCandidateError(f"no candidate of {session.context.model.name} could be trained: {causes}")
    session.context.log.info("trained", candidates=len(trials), revision=session.version.revision)
    return trials, failed


def _final(session: Session, dataset: Dataset) -> tuple[Dataset, Material]:
    """Return what the chosen candidate is trained on in the end: training rows, or validation rows with them."""
    if not session.context.model.selection.refits:
        return dataset, session.material
    kept = np.isin(dataset.parts, (TEST, CALIBRATION))
    final = dataset.divided(np.where(kept, dataset.parts, TRAIN).astype(np.uint8))
    return final, _prepared(session, final)


def _prepared(session: Session, dataset: Dataset) -> Material:
    """Return the rows as the session's candidates get theirs, and their own code."""
    material = prepare(dataset, session.material.seed, session.material.tensorboard)
    return replace(material, code=session.material.code)


def _refit(session: Session, chosen: Trial, trials: Mapping[str, Trial]) -> Trial:
    with _trained_again(chosen, "training and validation rows", "selection.refit: false", "keep it as it was chosen"):
        return refit_candidate(session, chosen, trials)


@contextmanager
def _trained_again(chosen: Trial, rows: str, key: str, instead: str) -> Iterator[None]:
    """Say of a candidate that can't be trained a second time on which rows that was, and which key does without."""
    name = chosen.candidate.name
    try:
        yield
    except StepError as error:
        cause = str(error).removeprefix(f"candidate {name}: ")
        raise StepError(
            f"candidate {name}, trained again on {rows}: {cause}; set {key} in the model file to {instead}"
        ) from error


class _Whole(NamedTuple):
    """The chosen candidate, trained on all rows."""

    trial: Trial
    seen: tuple[Dataset, Material]


def _on_all_rows(session: Session, dataset: Dataset, chosen: Trial, trials: Mapping[str, Trial]) -> _Whole:
    """Train the chosen candidate on every row, for what serves; what is told of it was measured before.

    Raises:
        StepError: it can't be trained, or its graph answers otherwise than the native model.
        TrackingError: MLflow refused.
    """
    everything = dataset.divided(np.full(dataset.rows, TRAIN, np.uint8))
    material = _prepared(session, everything)
    whole = replace(session, material=material, held_out_rows=everything.sample(TRAIN, PARITY_ROWS, material.seed))
    with _trained_again(chosen, "all rows", "selection.refit_full: false", "serve it as it is judged"):
        trial = refit_candidate(whole, chosen, trials, FULL)
    return _Whole(trial, (everything, material))


def _reference(context: Context, dataset: Dataset, material: Material) -> Artifact:
    """Keep the distribution of each feature over the rows that the chosen candidate was trained on."""
    statistics = reference_statistics(context.model, dataset.overview.values, material.train.features)
    content = {name: one.model_dump(mode="json") for name, one in statistics.items()}
    return context.store.write(context.key("reference.json"), json.dumps(content, indent=2).encode())
