"""The evaluate step: score every candidate on the held-out rows through its ONNX graph, and ask the gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import MolinoError, StepError
from molino.contracts.model_file import ModelFile
from molino.contracts.results import CandidateResult, EvaluateResult, TrainResult
from training.evaluate.baseline import baseline_measures
from training.evaluate.champion import Beside, HeldOut, best_of_last, compare, read_last
from training.evaluate.gate import Compared, decide, pick_best
from training.evaluate.ignored import ignored_classes
from training.evaluate.importance import permutation_importance
from training.evaluate.log import EvaluationLog
from training.graphs.graph import Graph, Predictions, answer_file, read_sample
from training.metrics.resamples import Measure, Resamples
from training.metrics.score import measure
from training.step import Context, Outcome
from training.stores.opening import fetch
from training.tracking.registry import CHAMPION, aliased_version

SAMPLE_ROWS = 3000
"""Plots and permutation importance take at most this many of the held-out rows."""


@dataclass(frozen=True)
class Scored:
    """One candidate with what it answered."""

    candidate: CandidateResult
    graph: Graph
    answers: Predictions
    measures: dict[str, Measure]


def run(context: Context) -> Outcome:
    """Score, compare, decide, and log it all to MLflow.

    Raises:
        StepError: a graph gives no usable answers, or a metric that the model file asks for is undefined here.
        StoreError: an artifact is missing or altered.
    """
    model = context.model
    seed = model.training.seed if context.settings.seed is None else context.settings.seed
    trained = context.result("train", TrainResult)
    held_out = fetch(context.store, trained.held_out, context.workdir / "held_out.parquet")
    actual = read_target(held_out, model)
    resamples = Resamples(len(actual), seed)
    scored = {one.name: _score(context, one, held_out, actual, resamples) for one in trained.candidates}
    measures = {name: one.measures for name, one in scored.items()}
    best, chosen = choose(model, trained, measures)
    releases = _compare(context, HeldOut(held_out, actual, scored[best].answers, seed))
    baselines = baseline_measures(trained.baseline, model.metric, actual, resamples) if trained.baseline else {}
    ignored = _ignored(model, actual, scored[best].answers)
    notes = [*releases.notes, *_about_floor(model, trained), *ignored.values()]
    verdict = decide(model, chosen, measures[best], releases.compared, baselines, notes)
    rows = np.sort(np.random.default_rng(seed).permutation(len(actual))[:SAMPLE_ROWS])
    sample = read_sample(held_out, [feature.name for feature in model.features], rows)
    importance = permutation_importance(scored[best].graph, sample, actual[rows], seed)
    log = EvaluationLog(context, trained)
    for name, one in scored.items():
        log.candidate(one.candidate, one.measures, one.answers.take(rows), actual[rows],
                      importance if name == best else None)  # fmt: skip
        context.log.info(
            "candidate scored", candidate=name, **{model.metric: round(one.measures[model.metric].value, 6)}
        )
    log.verdict(best, measures[best], releases.version, list(ignored), verdict)
    context.log.info("verdict", accepted=verdict.accepted, best=best, reasons=verdict.reasons)
    champion = releases.champion
    result = EvaluateResult(
        metric=model.metric,
        scores={name: _intervals(one) for name, one in measures.items()},
        best=best,
        champion_version=releases.version,
        champion_scores=_intervals(champion.release) if champion else None,
        compared_rows=champion.rows if champion else None,
        difference=champion.by(model.metric, "").difference.interval() if champion else None,
        baseline_scores=_intervals(baselines),
        ignored_classes=tuple(ignored),
        importance=importance,
        verdict=verdict,
    )
    inputs = (trained.held_out, *(one.onnx for one in trained.candidates))
    return Outcome(result, inputs, metrics={name: one.value for name, one in measures[best].items()})


def choose(model: ModelFile, trained: TrainResult, measures: Mapping[str, Mapping[str, Measure]]) -> tuple[str, str]:
    """Return the candidate that the gate judges, and a sentence that says what it was chosen on.

    Test rows only judge: they choose where a record from before says nothing else, and the sentence tells so.
    """
    number = f"{len(measures)} candidates" if len(measures) > 1 else "1 candidate"
    if trained.selected is not None and trained.selected in measures:
        on = "by folds" if trained.selection == "folds" else "on validation rows"
        refitted = trained.split is not None and trained.split.refitted
        again = ", and trained again on training and validation rows" if refitted else ""
        return trained.selected, f"Of {number} {trained.selected} was chosen {on}{again}"
    validated = {one.name: one.validation for one in trained.candidates}
    if all(model.metric in found for found in validated.values()):
        best = pick_best(model.metric, {name: found[model.metric] for name, found in validated.items()})
        return best, f"Of {number} {best} was chosen on validation rows"
    best = pick_best(model.metric, {name: one[model.metric].value for name, one in measures.items()})
    if len(measures) == 1:
        return best, f"There is 1 candidate, {best}"
    return best, f"Of {number} {best} is best on the held-out rows themselves, for want of another choice in the record"


@dataclass(frozen=True)
class Releases:
    """What became of the comparison with the champion and with the best of the last releases."""

    version: str | None
    """The champion's; none before the first deploy."""
    champion: Beside | None
    compared: tuple[Compared, ...]
    notes: tuple[str, ...]


def _compare(context: Context, held_out: HeldOut) -> Releases:
    store, model, folder = context.store, context.model, context.workdir
    version = aliased_version(context.tracker.client, model.name, CHAMPION)
    last, unread = read_last(store, model)
    for passed_over, cause in unread.items():
        context.log.warning("release passed over", version=passed_over, cause=cause)
    wanted = {} if version is None else {version: "the champion"}
    best = best_of_last(last, model.metric)
    if best is not None and version is not None:
        wanted.setdefault(best, "the best of the last releases")
    found = {one: compare(store, model, one, held_out, folder) for one in wanted}
    notes = [f"{name.capitalize()}, version {one}, is not compared: {found[one]}."
             for one, name in wanted.items() if isinstance(found[one], str)]  # fmt: skip
    beside = {one: put for one, put in found.items() if isinstance(put, Beside)}
    if version is None:
        notes.append("There is no champion yet to compare with.")
    compared = tuple(put.by(model.metric, wanted[one]) for one, put in beside.items())
    return Releases(version, beside.get(version or ""), compared, tuple(notes))


def _about_floor(model: ModelFile, trained: TrainResult) -> list[str]:
    if model.gate.baseline and trained.baseline is None:
        return ["No baseline is in the record of train, so that the candidate isn't compared with one."]
    return []


def _ignored(model: ModelFile, actual: NDArray[Any], answers: Predictions) -> dict[str, str]:
    """Return each class that the candidate all but ignores, with a sentence about it."""
    if answers.labels is None:
        return {}
    return dict(ignored_classes(actual, answers.labels, model.target.classes or ()))


def read_target(held_out: Path, model: ModelFile) -> NDArray[Any]:
    """Return the target of the held-out rows: numbers, or positions in the classes.

    Raises:
        StepError: there are no rows, or a class that the model file doesn't list.
    """
    import polars as pl

    target = pl.read_parquet(held_out, columns=[model.target.name])[model.target.name]
    if not len(target):
        raise StepError(f"no rows are held out of {model.name}; give more rows, or a larger split.test")
    if model.target.classes is None:
        return target.cast(pl.Float64).to_numpy()
    position = {name: index for index, name in enumerate(model.target.classes)}
    unknown = set(target.cast(pl.String).unique().to_list()) - set(position)
    if unknown:
        raise StepError(
            f"held-out rows have {model.target.name} {sorted(map(str, unknown))}; list it in target.classes"
        )
    return np.fromiter((position[name] for name in target.cast(pl.String)), np.intp, count=len(target))


def _score(
    context: Context, candidate: CandidateResult, held_out: Path, actual: NDArray[Any], resamples: Resamples
) -> Scored:
    model = context.model
    path = fetch(context.store, candidate.onnx, context.workdir / f"{candidate.name}.onnx")
    try:
        graph = Graph(path, [feature.name for feature in model.features], model.target.classes)
        answers = answer_file(graph, held_out)
        measures = measure(actual, answers, resamples)
    except MolinoError as error:
        raise StepError(f"candidate {candidate.name} ({candidate.onnx.uri}): {error}") from error
    for metric in (model.metric, *model.gate.bounds):
        if metric not in measures:
            raise StepError(
                f"{metric} is undefined on the {len(actual)} held-out rows of {model.name}, which have one class only; "
                "give more rows, or another metric in the model file"
            )
    return Scored(candidate, graph, answers, measures)


def _intervals(measures: Mapping[str, Measure]) -> dict[str, Any]:
    return {name: one.interval() for name, one in measures.items()}
