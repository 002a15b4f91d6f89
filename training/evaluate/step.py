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
from training.evaluate.champion import score_champion
from training.evaluate.gate import decide, pick_best
from training.evaluate.importance import permutation_importance
from training.evaluate.log import EvaluationLog
from training.graphs.graph import Graph, Predictions, answer_file, read_sample
from training.metrics.resamples import Measure, Resamples
from training.metrics.score import measure
from training.step import Context, Outcome
from training.stores.folder import fetch

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
    best = pick_best(model.metric, measures)
    champion = score_champion(
        context.tracker.client, context.store, model, held_out, actual, resamples, context.workdir
    )
    verdict = decide(model, best, measures, champion.measures, champion.about)
    rows = np.sort(np.random.default_rng(seed).permutation(len(actual))[:SAMPLE_ROWS])
    sample = read_sample(held_out, [feature.name for feature in model.features], rows)
    log = EvaluationLog(context, trained)
    rises: dict[str, dict[str, float]] = {}
    for name, one in scored.items():
        rises[name] = permutation_importance(one.graph, sample, actual[rows], seed)
        log.candidate(one.candidate, one.measures, one.answers.take(rows), actual[rows], rises[name], best=name == best)
        context.log.info(
            "candidate scored", candidate=name, **{model.metric: round(one.measures[model.metric].value, 6)}
        )
    log.verdict(best, measures[best], champion, verdict)
    context.log.info("verdict", accepted=verdict.accepted, best=best, reasons=verdict.reasons)
    result = EvaluateResult(
        metric=model.metric,
        scores={name: _intervals(one) for name, one in measures.items()},
        best=best,
        champion_version=champion.version,
        champion_scores=_intervals(champion.measures) if champion.measures else None,
        importance=rises[best],
        verdict=verdict,
    )
    inputs = (trained.held_out, *(one.onnx for one in trained.candidates))
    return Outcome(result, inputs, metrics={name: one.value for name, one in measures[best].items()})


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
