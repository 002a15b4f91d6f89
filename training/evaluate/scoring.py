"""The held-out rows, and what each candidate's graph answers to them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import MolinoError, StepError
from molino.contracts.metrics import METRICS
from molino.contracts.model_file import ModelFile
from molino.contracts.results import CandidateResult, TrainResult
from training.graphs.graph import Graph, Predictions, answer_file
from training.metrics.resamples import Measure, Resamples
from training.metrics.score import measure
from training.splits import together
from training.step import Context
from training.stores.opening import fetch


@dataclass(frozen=True)
class Scored:
    """One candidate with what it answered."""

    candidate: CandidateResult
    graph: Graph
    answers: Predictions
    measures: dict[str, Measure]


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


def kept_together(trained: TrainResult, held_out: Path) -> NDArray[np.float64] | None:
    """Return what is equal for held-out rows that the split has kept together, [n]; none where that isn't known."""
    import polars as pl

    wanted = () if trained.split is None else trained.split.columns
    there = [name for name in pl.read_parquet_schema(held_out) if name in wanted]
    return together(trained.split, pl.read_parquet(held_out, columns=there))


def score_all(
    context: Context, trained: TrainResult, held_out: Path, actual: NDArray[Any], resamples: Resamples
) -> tuple[dict[str, Scored], list[str]]:
    """Score every candidate; return those that can be judged, by name, and a sentence about each of the others.

    Raises:
        StepError: one gives no usable answers, or a metric that the model file asks for is undefined for the chosen
            one, or for all.
        StoreError: a graph is missing or altered.
    """
    model, found, notes = context.model, dict[str, Scored](), list[str]()
    for candidate in trained.candidates:
        one = score(context, candidate, held_out, actual, resamples)
        lacking = next((name for name in (model.metric, *model.gate.bounds) if name not in one.measures), None)
        if lacking is None:
            found[candidate.name] = one
            continue
        undefined = METRICS[lacking].undefined
        cause = f"{lacking} is undefined on the {len(actual)} held-out rows of {model.name}, {undefined}"
        last = not found and candidate is trained.candidates[-1]
        if last or candidate.name == trained.selected:
            raise StepError(f"candidate {candidate.name}: {cause}; give more rows, or another metric in the model file")
        notes.append(f"Candidate {candidate.name} is not judged: {cause}.")
    return found, notes


def score(
    context: Context, candidate: CandidateResult, held_out: Path, actual: NDArray[Any], resamples: Resamples
) -> Scored:
    """Return what a candidate answers through its graph, and those of its metrics that are defined.

    Raises:
        StepError: it gives no usable answers.
        StoreError: the graph is missing or altered.
    """
    model = context.model
    path = fetch(context.store, candidate.onnx, context.workdir / f"{candidate.name}.onnx")
    try:
        graph = Graph(path, [feature.name for feature in model.features], model.target.classes)
        answers = answer_file(graph, held_out)
        measures = measure(actual, answers, resamples, model.metrics)
    except MolinoError as error:
        raise StepError(f"candidate {candidate.name} ({candidate.onnx.uri}): {error}") from error
    return Scored(candidate, graph, answers, measures)
