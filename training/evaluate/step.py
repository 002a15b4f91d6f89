"""The evaluate step: score every candidate on the held-out rows through its ONNX graph, and ask the gate."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.model_file import ModelFile
from molino.contracts.results import EvaluateResult, TrainResult
from training.evaluate.baseline import baseline_measures
from training.evaluate.champion import HeldOut
from training.evaluate.choice import choose
from training.evaluate.comparison import compare_releases
from training.evaluate.coverage import coverage_of, told
from training.evaluate.decision import about_decision
from training.evaluate.gate import decide
from training.evaluate.ignored import ignored_classes
from training.evaluate.importance import permutation_importance
from training.evaluate.log import EvaluationLog
from training.evaluate.scoring import kept_together, read_target, score_all
from training.evaluate.slices import slice_scores
from training.graphs.graph import Predictions, read_sample
from training.metrics.resamples import Measure, Resamples
from training.step import Context, Outcome
from training.stores.opening import fetch
from training.tracking.tracker import LIBRARIES as TRACKING_LIBRARIES

SAMPLE_ROWS = 3000
"""Plots and permutation importance take at most this many of the held-out rows."""


def libraries(_model: ModelFile) -> tuple[str, ...]:
    """Return the modules that the work takes and that are slow to import."""
    return ("polars", "onnxruntime", "matplotlib.backends.backend_agg", *TRACKING_LIBRARIES)


def run(context: Context) -> Outcome:
    """Score, choose, compare, decide, explain, and log it all to MLflow: each a module, in this order.

    Raises:
        StepError: a graph gives no usable answers, or a metric that the model file asks for is undefined here.
        StoreError: an artifact is missing or altered.
    """
    model = context.model
    seed = model.training.seed if context.settings.seed is None else context.settings.seed
    trained = context.result("train", TrainResult)
    held_out = fetch(context.store, trained.held_out, context.workdir / "held_out.parquet")
    actual = read_target(held_out, model)
    kept = kept_together(trained, held_out)
    resamples = Resamples(len(actual), seed, together=kept)

    scored, not_judged = score_all(context, trained, held_out, actual, resamples)
    measures = {name: one.measures for name, one in scored.items()}
    best, chosen = choose(model, trained, measures)
    slices = slice_scores(held_out, model.slices, actual, scored[best].answers, seed, model.metrics, kept)
    releases = compare_releases(context, HeldOut(held_out, actual, scored[best].answers, seed, kept))
    baselines = baseline_measures(trained.baseline, model.metric, actual, resamples) if trained.baseline else {}
    ignored = _ignored(model, actual, scored[best].answers)
    coverage = coverage_of(scored[best].candidate, actual, scored[best].answers, resamples)
    about = told(model, scored[best].candidate, coverage)
    about += about_decision(model, scored[best].candidate)
    notes = [*releases.notes, *about, *_about_floor(model, trained), *_about_full(trained), *not_judged]
    notes += ignored.values()
    verdict = decide(model, chosen, measures[best], releases.compared, baselines, notes)

    rows = np.sort(np.random.default_rng(seed).permutation(len(actual))[:SAMPLE_ROWS])
    sample = read_sample(held_out, [feature.name for feature in model.features], rows)
    importance = permutation_importance(scored[best].graph, sample, actual[rows], seed)
    log = EvaluationLog(context, trained)
    for name, one in scored.items():
        log.candidate(one.candidate, one.measures, one.answers.take(rows), actual[rows],
                      importance if name == best else None)  # fmt: skip
    logged = measures[best] | ({"interval_coverage": coverage} if coverage else {})
    log.slices(model.metric, slices)
    log.verdict(best, logged, releases.version, list(ignored), verdict)

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
        coverage=coverage.interval() if coverage else None,
        slices=slices,
        verdict=verdict,
    )
    inputs = (trained.held_out, *(one.onnx for one in trained.candidates))
    return Outcome(result, inputs, metrics={name: one.value for name, one in measures[best].items()})


def _about_floor(model: ModelFile, trained: TrainResult) -> list[str]:
    if model.gate.baseline and trained.baseline is None:
        return ["No baseline is in the record of train, so that the candidate isn't compared with one."]
    return []


def _about_full(trained: TrainResult) -> list[str]:
    if trained.full is None:
        return []
    return [f"What serves is {trained.full.name} trained again on all rows, those for tests with them; "
            "the metrics are those of the one before."]  # fmt: skip


def _ignored(model: ModelFile, actual: NDArray[Any], answers: Predictions) -> dict[str, str]:
    """Return each class that the candidate all but ignores, with a sentence about it."""
    if answers.labels is None:
        return {}
    return dict(ignored_classes(actual, answers.labels, model.target.classes or ()))


def _intervals(measures: Mapping[str, Measure]) -> dict[str, Any]:
    return {name: one.interval() for name, one in measures.items()}
