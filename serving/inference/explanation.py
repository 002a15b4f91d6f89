"""How much each feature moved an answer: Shapley values, estimated by permutations of the features.

From a background row to the row asked about, one feature after the other takes its value; what the answer changes by
is that feature's. The mean over permutations, each with a background row of its own and followed by its reverse, is an
estimate of the Shapley value (Castro, Gomez and Tejada, Polynomial calculation of the Shapley value based on
sampling, 2009; Strumbelj and Kononenko, Explaining prediction models and individual predictions with feature
contributions, 2014).
The values are marginal (interventional): background rows have each feature drawn by itself, whatever goes with it in
the data, so that what a feature gets is what the model makes of its value (Janzing, Minorics and Bloebaum, Feature
relevance quantification in explainable AI: a causal problem, 2020).
What each permutation adds up to is the whole way from the background row's answer to the row's own, so that base value
and contributions are the answer, however few permutations there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.inference.background import SEED, draw_columns
from serving.inference.decoding import Row
from serving.inference.model import RUN_ROWS, Model

Columns = Sequence[NDArray[Any]]
"""A column per feature, as the graph takes it."""


@dataclass(frozen=True)
class Explanation:
    """Of one row: `value` is `base` and all contributions together."""

    prediction: float | str
    value: float
    """The prediction of a regression, the predicted class' probability of a classification."""
    base: float
    """The mean answer to the background rows."""
    contributions: list[float]
    """In feature order."""


def explain(model: Model, rows: Sequence[Row], permutations: int) -> list[Explanation]:
    """Explain the answer to each row.

    Args:
        model: what answers.
        rows: checked, in feature order.
        permutations: how many orders of the features to go through, at least 1; twice as many steps of each are run.

    Raises:
        Problem: 422 where the graph has no finite answer, 500 where it can't be run.
    """
    predictions = model.predict(rows)
    asked = model.columns_of(rows)
    example = model.columns_of(model.read_example())
    background = draw_columns(model.features, model.release.reference, example, permutations)
    values = model.evaluate(asked)
    base = model.evaluate(background)
    ranks = _ranks(len(asked), permutations)
    told: list[Explanation] = []
    for index, prediction in enumerate(predictions.values):
        output = 0 if model.classes is None else model.classes.index(prediction)
        row = [column[index] for column in asked]
        value, means = float(values[index, output]), base[:, output]
        contributions = _contributions(model, row, background, means, value, ranks, output)
        # The last place of the mean is the base's, so that all adds up.
        told.append(Explanation(prediction, value, value - sum(contributions), contributions))
    return told


def _ranks(features: int, permutations: int) -> NDArray[np.intp]:
    """Return the place of each feature in each permutation and its reverse, of shape [permutations, 2, features]."""
    rng = np.random.default_rng(SEED)
    orders = rng.permuted(np.tile(np.arange(features), (permutations, 1)), axis=1)
    return np.stack([orders, features - 1 - orders], axis=1)


def _contributions(
    model: Model,
    row: Sequence[Any],
    background: Columns,
    base: NDArray[np.float64],
    value: float,
    ranks: NDArray[np.intp],
    output: int,
) -> list[float]:
    features = len(row)
    total = np.zeros(features)
    steps = np.arange(1, features)
    size = max(1, RUN_ROWS // max(1, 2 * (features - 1)))
    for start in range(0, len(ranks), size):
        part = ranks[start : start + size]
        taken = part[:, :, np.newaxis, :] < steps[:, np.newaxis]
        mixed = [
            np.where(taken[..., i], row[i], background[i][start : start + size, np.newaxis, np.newaxis]).reshape(-1)
            for i in range(features)
        ]
        between = model.evaluate([np.asarray(m, b.dtype) for m, b in zip(mixed, background, strict=True)])
        answers = np.empty((len(part), 2, features + 1))
        answers[:, :, 0] = base[start : start + size, np.newaxis]
        answers[:, :, 1:-1] = between[:, output].reshape(len(part), 2, -1)
        answers[:, :, -1] = value
        total += np.take_along_axis(np.diff(answers, axis=2), part, axis=2).sum((0, 1))
    contributions: list[float] = (total / (2 * len(ranks))).tolist()
    return contributions
