"""Permutation importance (Breiman, 2001): how much worse a model gets when one feature's values are shuffled."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Graph, Predictions
from training.metrics.log_loss import row_log_loss

if TYPE_CHECKING:
    import polars as pl

REPEATS = 5


def permutation_importance(graph: Graph, rows: "pl.DataFrame", actual: NDArray[Any], seed: int) -> dict[str, float]:
    """Return, per feature, the mean rise of the loss over `REPEATS` shuffles of that feature's column.

    The loss is the root mean squared error of a regression, the log loss of a classification. The shuffles follow
    from the seed, and are the same for every feature and model.

    Args:
        graph: the model.
        rows: held-out rows, a column per feature.
        actual: their target, as `training.metrics.score.measure` takes it.
        seed: of the shuffles.
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(rows)) for _ in range(REPEATS)]
    base = _loss(graph.answer(rows), actual)

    def shuffled_loss(name: str) -> float:
        shuffled = (rows.with_columns(rows[name].gather(order)) for order in orders)
        return float(np.mean([_loss(graph.answer(frame), actual) for frame in shuffled]))

    return {name: shuffled_loss(name) - base for name in graph.features}


def _loss(answers: Predictions, actual: NDArray[Any]) -> float:
    if answers.labels is None:
        return float(np.sqrt(np.mean((answers.values - actual) ** 2)))
    return float(row_log_loss(actual, answers.values).mean())
