"""One candidate of a run: trained, measured, exported, compared with its graph, and logged with all that led to it."""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from molino.contracts.errors import StepError
from molino.contracts.metrics import METRICS
from molino.contracts.model_file import Candidate, ModelFile
from molino.contracts.results import CandidateResult, SearchResult
from training.graphs.graph import Predictions
from training.metrics.score import values
from training.splits import JUDGED
from training.train.candidates import bounded, fit, judged_by, weights_of
from training.train.candidates.contract import Judge, Material, Trained
from training.train.candidates.decided import decision_of, offsets_of
from training.train.data import Rows
from training.train.decision import labels_of, weighed
from training.train.export import export_candidate
from training.train.folds import Measured, mean_rounds
from training.train.graph_predictions import graph_predictions
from training.train.intervals import calibrated, of_folds
from training.train.parity import check_labels, check_parity, generate_rows, measure_parity
from training.train.preparation import prepare
from training.train.progress import Progress
from training.train.run_log import child_run, log_models, shared_params, upload_tensorboard
from training.train.search import search
from training.train.session import Session, Trial

REFITTED = ".refitted"
"""Ends the name of the MLflow run and the files of a candidate trained again, as no candidate's own name does."""
FULL = ".full"
"""And of one that is trained on all rows, for what serves."""


def train_candidate(session: Session, candidate: Candidate, members: Mapping[str, Trial]) -> Trial:
    """Train a candidate under a child run of its own, and measure it by folds or on validation rows.

    Args:
        session: what it is trained on.
        candidate: one of the model file.
        members: the candidates before it, by name, of which an ensemble is made.

    Raises:
        StepError: it can't be trained, or its graph answers otherwise than the native model.
        TrackingError: MLflow refused.
    """
    with child_run(session, candidate, candidate.name) as child:
        found = search(session, candidate, child, partial(_attempt, session)) if candidate.ranges else None
        candidate = found.candidate if found else candidate
        measured, of_folds = _cross_validate(session, candidate, child, members) if session.folds else (None, ())
        material = replace(session.material, members={name: one.trained for name, one in members.items()})
        trained, seconds = _fit(session, candidate, candidate.name, child, material)
        rounds = trained.rounds if measured is None else measured.rounds
        if measured is None:
            metrics, spreads = _on_validation_rows(material, trained), {}
        else:
            metrics, spreads = measured.means, measured.spreads
        kept = _Kept(candidate, candidate.name, child, seconds, metrics, spreads, of_folds)
        if found:
            kept = replace(kept, parameters=found.parameters, search=found.result)
        kept = replace(kept, width=calibrated(material, trained) or (measured.width if measured else None))
        return _keep(session, kept, trained, rounds)


def refit_candidate(session: Session, trial: Trial, trials: Mapping[str, Trial], suffix: str = REFITTED) -> Trial:
    """Train the chosen candidate again on a session's own material, for as many rounds as were best before.

    It has a child run of its own; what chose it is what was measured before. Of an ensemble, all members are trained
    again, and keep their weights.

    Raises:
        StepError: it can't be trained, or its graph answers otherwise than the native model.
        TrackingError: MLflow refused.
    """
    candidate = trial.candidate
    name = candidate.name + suffix
    with child_run(session, candidate, name) as child:
        members = _again(session, trial, trials)
        known = weights_of(trial.trained) or None
        decision = decision_of(trial.trained)
        material = replace(session.material, rounds=trial.rounds, members=members, weights=known, decision=decision)
        trained, seconds = _fit(session, candidate, name, child, material)
        before = trial.result
        kept = _Kept(candidate, name, child, seconds, before.validation, before.validation_spread, ())
        kept = replace(kept, parameters=before.parameters, search=before.search)
        known_before = None if before.half_width is None else (before.half_width, before.calibration_rows or 0)
        kept = replace(kept, width=calibrated(material, trained) or known_before)
        return _keep(session, kept, trained, trial.rounds)


def _again(session: Session, trial: Trial, trials: Mapping[str, Trial]) -> dict[str, Trained]:
    """Train the members of an ensemble again, each for as many rounds as were best before."""
    return {
        name: _train(
            trials[name].candidate,
            replace(session.material, rounds=trials[name].rounds, decision=decision_of(trials[name].trained)),
        )
        for name in weights_of(trial.trained)
    }


def _cross_validate(
    session: Session, candidate: Candidate, child: str, members: Mapping[str, Trial]
) -> tuple[Measured, tuple[Trained, ...]]:
    """Train a candidate on each fold, and measure it on the rows that the fold leaves out."""
    context = session.context
    kept: list[Trained] = []
    found: list[dict[str, float]] = []
    rounds: list[int | None] = []
    residuals: list[NDArray[np.float64]] = []
    folder = session.material.tensorboard / candidate.name
    for number, (trained, judged, answers, metrics) in enumerate(
        _fold_by_fold(session, candidate, folder, members), start=1
    ):
        found.append(metrics)
        if context.model.intervals is not None:
            residuals.append(judged.target - answers)
        rounds.append(trained.rounds)
        kept.append(trained)
        context.log.info(f"folds of {candidate.name}", done=number, total=len(session.folds), **_rounded(metrics))
    measured = Measured(tuple(found), mean_rounds(rounds), of_folds(context.model, residuals))
    named = {f"fold_{name}": history for name, history in measured.history.items()}
    context.tracker.log_history(child, named, first=1)
    return measured, tuple(kept) if session.ensembles else ()


def _fold_by_fold(
    session: Session, candidate: Candidate, logs: Path, members: Mapping[str, Trial]
) -> Iterator[tuple[Trained, Rows, NDArray[np.float64], dict[str, float]]]:
    """Yield a candidate trained on each fold, with the rows that the fold leaves out, its answers, and its metrics."""
    material = session.material
    for number, fold in enumerate(session.folds, start=1):
        try:
            beside = {name: one.of_folds[number - 1] for name, one in members.items()}
            prepared = prepare(fold, material.seed, logs / f"fold-{number}")
            trained = _train(candidate, replace(prepared, code=material.code, members=beside))
            judged = fold.sample(JUDGED, material.model.training.sample_rows, material.seed)
            answers = bounded(material.model, trained)(judged.features)
            metrics = _measured(material.model, trained, judged, answers, "the fold's")
        except StepError as error:
            raise StepError(f"fold {number} of {len(session.folds)}: {error}") from error
        yield trained, judged, answers, metrics


def _attempt(session: Session, candidate: Candidate, number: int, judge: Judge) -> dict[str, float]:
    """Return the metrics of a search's trial, by folds or on validation rows; nothing of it is kept."""
    logs = session.context.workdir / "search" / candidate.name / str(number)
    if not session.folds:
        material = replace(session.material, tensorboard=logs, judge=judge)
        return _on_validation_rows(material, _train(candidate, material))
    metric, found = METRICS[session.context.model.metric], list[dict[str, float]]()
    for number, (*_, metrics) in enumerate(_fold_by_fold(session, candidate, logs, {}), start=1):
        found.append(metrics)
        mean = Measured(tuple(found), None).means.get(metric.name)
        if mean is not None and number < len(session.folds):
            judge(number, metric.loss(mean))
    return Measured(tuple(found), None).means


def _fit(session: Session, candidate: Candidate, name: str, child: str, material: Material) -> tuple[Trained, float]:
    """Train a candidate with its progress shown, and return how many seconds it took."""
    progress = Progress(name, session.context.log, session.context.tracker, child)
    started = time.monotonic()
    trained = _train(candidate, replace(material, tensorboard=session.material.tensorboard / name, report=progress))
    seconds = time.monotonic() - started
    progress.close()
    return trained, seconds


def _train(candidate: Candidate, material: Material) -> Trained:
    """Train a candidate; what its hyperparameters and the data make impossible is its own failure."""
    try:
        return fit(candidate, material)
    except (ArithmeticError, MemoryError, ValueError, np.linalg.LinAlgError) as error:
        cause = str(error).strip().partition("\n")[0] or type(error).__name__
        raise StepError(f"it can't be trained on this data: {cause}") from error


@dataclass(frozen=True)
class _Kept:
    """What is told of a candidate beside the model."""

    candidate: Candidate
    name: str
    """Of the child run, the files and the logs."""
    child: str
    seconds: float
    validation: Mapping[str, float]
    spreads: Mapping[str, float]
    of_folds: tuple[Trained, ...]
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    """Found by a search."""
    search: SearchResult | None = None
    width: tuple[float, int] | None = None
    """Half-width of the intervals, and how many rows tell it."""


def _keep(session: Session, kept: _Kept, trained: Trained, rounds: int | None) -> Trial:
    """Export a trained candidate, check that its graph answers alike, and log all of it."""
    context, material, candidate = session.context, session.material, kept.candidate
    graph = export_candidate(material.model, material.encoding, trained, offsets_of(trained))
    path = context.workdir / f"{kept.name}.onnx"
    path.write_bytes(graph.SerializeToString(deterministic=True))
    parity = _parity(session, candidate, trained, path)
    metrics = {f"validation_{name}": value for name, value in kept.validation.items()} | {"parity": parity}
    spreads = {f"validation_{name}_spread": value for name, value in kept.spreads.items()}
    sampled = trained.rows_trained < material.rows_train
    if sampled:
        context.log.info("trained on a sample", candidate=kept.name, rows=trained.rows_trained, of=material.rows_train)
    tracker = context.tracker
    tracker.log_metrics(kept.child, metrics | spreads | {"training_seconds": kept.seconds})
    tracker.log_params(
        kept.child,
        candidate.told
        | shared_params(session)
        | trained.params()
        | {"rows_trained": trained.rows_trained, "sampled": sampled},
    )
    log_models(session, candidate.name, kept.child, trained, graph)
    upload_tensorboard(context, kept.name)
    result = CandidateResult(
        name=candidate.name,
        kind=candidate.kind,
        mlflow_run_id=kept.child,
        onnx=context.store.upload(path, context.key(f"{kept.name}.onnx")),
        parity=parity,
        rows_trained=trained.rows_trained,
        sampled=sampled,
        seconds=kept.seconds,
        validation=dict(kept.validation),
        validation_spread=dict(kept.spreads),
        half_width=kept.width and kept.width[0],
        calibration_rows=kept.width and kept.width[1],
        threshold=decision.threshold if (decision := decision_of(trained)) else None,
        factors=decision.factors(material.model.target.classes or ()) if decision else {},
        weights=dict(weights_of(trained)),
        parameters=dict(kept.parameters),
        search=kept.search,
    )
    context.log.info("candidate", name=kept.name, rounded=_rounded(metrics | spreads))
    return Trial(result, metrics, rounds, candidate, trained, kept.of_folds)


def _rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in metrics.items()}


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
            chances = weighed(native(rows), offsets_of(trained))
            check_labels(candidate.name, chances, graph.labels(rows), model.target.classes, tolerance)
        worst = max(worst, found.worst)
    return worst


def _on_validation_rows(material: Material, trained: Trained) -> dict[str, float]:
    rows = material.validation
    return _measured(material.model, trained, rows, judged_by(material, trained)(rows.features), "validation")


def _measured(
    model: ModelFile, trained: Trained, rows: Rows, answers: NDArray[np.float64], which: str
) -> dict[str, float]:
    """Return the model file's metrics of what a candidate answered, with the labels that its graph gives."""
    return measure_rows(rows, answers, which, model.metrics, offsets_of(trained))


def measure_rows(
    rows: Rows,
    answers: NDArray[np.float64],
    which: str,
    metrics: Collection[str] | None = None,
    offsets: NDArray[np.float64] | None = None,
) -> dict[str, float]:
    """Return each metric that is defined on some rows.

    Args:
        rows: n of them.
        answers: [n] predictions, or [n, classes] probabilities.
        which: the rows, for errors.
        metrics: names of those to tell; all of the task where not given.
        offsets: are added to logarithms of probabilities before the label is taken, [classes].

    Raises:
        StepError: an answer is NaN or infinite.
    """
    if not np.isfinite(answers).all():
        raise StepError(f"it answers {which} rows with NaN or infinity; try a smaller learning_rate")
    labels = labels_of(answers, offsets) if answers.ndim > 1 else None
    return values(rows.target, Predictions(answers, labels), metrics)
