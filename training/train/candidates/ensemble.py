"""The other candidates blended: a weighted mean of their answers, in one graph.

Weights come of greedy selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from
Libraries of Models", ICML 2004): again and again that member is drawn with which the mean of all drawn so far is best
on validation rows; the draws up to the best of these means are kept, and a member's weight is its share of them.

The rows that tell the weights can't tell what the blend is worth beside its members. So each of `PARTS` parts of the
validation rows is also answered by weights that the others tell, and the blend is judged by these answers.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.candidates.ensemble import Ensemble
from molino.contracts.errors import StepError
from molino.contracts.metrics import METRICS
from molino.contracts.model_file import ModelFile
from training.features.fitted import Float32Array
from training.graphs.graph import Predictions
from training.metrics.resamples import Resamples
from training.metrics.score import score_of
from training.train.candidates.contract import Material, Trained
from training.train.export import Export

PARTS = 5
MOST_ROWS = 10_000
"""Validation rows that tell the weights, at most."""
STEADY = {"regression": "rmse", "classification": "log_loss"}
"""By task: what decides between draws that the model file's metric finds equal."""

Answers = NDArray[np.float64]


class Blend:
    """Trained candidates with a weight each."""

    rounds: int | None = None

    def __init__(self, members: Mapping[str, Trained], weights: Mapping[str, float], judged: Answers | None) -> None:
        """Keep the members that have a weight.

        Args:
            members: by name.
            weights: of each, which add up to 1.
            judged: answers to the validation rows by weights that other rows tell, [n] or [n, classes].
        """
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        self.members = {name: members[name] for name in self.weights}
        self.judged = judged
        self.rows_trained = min(one.rows_trained for one in self.members.values())

    @property
    def native_packages(self) -> tuple[str, ...]:
        """What loading all of the members takes."""
        return tuple(sorted({name for one in self.members.values() for name in one.native_packages}))

    def predict(self, features: Float32Array) -> Answers:
        """Answer rows with the members' own models."""
        weighted = [self.weights[name] * one.predict(features) for name, one in self.members.items()]
        return np.asarray(np.sum(weighted, axis=0), np.float64)

    def export(self, graph: Export) -> str:
        """Add every member as a part, and the mean; of probabilities, the logarithm is the logit."""
        weighted = [self._weighted(graph.part(name), name) for name in self.members]
        mean = weighted[0] if len(weighted) == 1 else graph.node("Sum", weighted, "mean")
        return graph.node("Log", [mean], "raw") if graph.model.target.classes else mean

    def _weighted(self, part: Export, name: str) -> str:
        answer = self.members[name].export(part)
        if part.model.target.classes:
            answer = part.node("Softmax", [answer], "probabilities", axis=1)
        else:
            answer = part.node("Reshape", [answer, part.constant("upright", np.array([-1, 1], np.int64))], "answer")
        return part.node("Mul", [answer, part.constant("weight", np.array(self.weights[name], np.float32))], "weighted")

    def save_native(self, folder: Path, requirements: list[str]) -> None:
        """Save an MLflow model that names the weights, and has each member's own MLflow model in `members/<name>`."""
        from mlflow.models import Model

        (folder / "members").mkdir(parents=True)
        (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements))
        for name, member in self.members.items():
            member.save_native(folder / "members" / name, requirements)
        saved = Model()
        saved.add_flavor("molino_ensemble", weights=dict(self.weights), members="members")
        saved.save(str(folder / "MLmodel"))

    def params(self) -> dict[str, Any]:
        """The weight of each member that has one."""
        return {f"weight.{name}": weight for name, weight in self.weights.items()}


def fit(candidate: Ensemble, material: Material) -> Blend:
    """Find the weights of the members that could be trained.

    Raises:
        StepError: fewer than two could be.
    """
    if material.weights is not None:
        return Blend(material.members, material.weights, None)
    names = [name for name in material.members if candidate.members is None or name in candidate.members]
    if len(names) < 2:
        raise StepError(f"it blends at least two other candidates, and {len(names)} of its members could be trained")
    rows = material.validation
    answers = np.stack([material.members[name].predict(rows.features) for name in names])
    library = _Library(material.model, answers, rows.target)
    order = np.random.default_rng(material.seed).permutation(len(rows))
    weights = library.weights(order[:MOST_ROWS], candidate.draws)
    judged = np.empty_like(answers[0])
    for part in np.array_split(order, PARTS):
        others = np.setdiff1d(order, part, assume_unique=True)
        told_by = np.random.default_rng(material.seed).permutation(others)[:MOST_ROWS]
        judged[part] = np.tensordot(library.weights(told_by, candidate.draws), answers[:, part], 1)
    return Blend(material.members, dict(zip(names, weights.tolist(), strict=True)), judged)


class _Library:
    """What the members answer to the validation rows, [members, n] or [members, n, classes]."""

    def __init__(self, model: ModelFile, answers: Answers, actual: NDArray[Any]) -> None:
        self.metrics = dict.fromkeys((model.metric, STEADY[model.task]))
        self.bounds = model.target.minimum, model.target.maximum
        self.answers = answers
        self.actual = actual

    def weights(self, rows: NDArray[np.intp], draws: int) -> Answers:
        """Return what some of the rows tell the weights to be, [members]."""
        answers, actual, resamples = self.answers[:, rows], self.actual[rows], Resamples(len(rows), 0, count=0)
        drawn, total = np.zeros(len(answers)), np.zeros_like(answers[0])
        best: tuple[float, ...] = (np.inf, np.inf)
        kept = drawn
        for draw in range(1, draws + 1):
            losses = [self._loss((total + one) / draw, actual, resamples) for one in answers]
            member = losses.index(min(losses))
            drawn = drawn + (np.arange(len(answers)) == member)
            total = total + answers[member]
            if draw == 1 or losses[member] < best:
                best, kept = losses[member], drawn / draw
        return kept

    def _loss(self, answers: Answers, actual: NDArray[Any], resamples: Resamples) -> tuple[float, ...]:
        """Return how bad answers are: by the model file's metric first; what is undefined is worst."""
        labels = answers.argmax(axis=1).astype(np.intp) if answers.ndim > 1 else None
        if labels is None and self.bounds != (None, None):
            answers = np.clip(answers, *self.bounds)
        told = Predictions(answers, labels)
        found = [METRICS[name].loss(float(score_of(name).samples(actual, told, resamples)[0])) for name in self.metrics]
        return tuple(value if np.isfinite(value) else np.inf for value in found)
