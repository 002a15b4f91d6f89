"""Permutation importance (Breiman, 2001): how much worse a model gets when one feature's values are shuffled."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.graphs.graph import Feeds, Graph, Predictions
from training.metrics.log_loss import row_log_loss

if TYPE_CHECKING:
    import polars as pl

REPEATS = 5
BUDGET = 100_000_000
"""Cells (rows × features, over all shuffles) that a graph is asked about at most; ranking may take half of them."""
LEAST_ROWS = 50


def permutation_importance(graph: Graph, rows: "pl.DataFrame", actual: NDArray[Any], seed: int) -> dict[str, float]:
    """Return, per feature, the mean rise of the loss over `REPEATS` shuffles of that feature's column.

    The loss is the root mean squared error of a regression, the log loss of a classification. The shuffles follow
    from the seed, and are the same for every feature and model. Where all features on all rows would go beyond
    `BUDGET`, each is shuffled once on fewer rows, and only those that come first are shuffled again on all rows.

    Args:
        graph: the model.
        rows: held-out rows, a column per feature.
        actual: their target, as `training.metrics.score.measure` takes it.
        seed: of the shuffles.
    """
    features, cells = list(graph.features), len(rows) * len(graph.features)
    if cells * len(features) * REPEATS <= BUDGET:
        return _rises(graph, rows, actual, features, REPEATS, seed)
    few = min(len(rows), max(LEAST_ROWS, BUDGET // (2 * len(features) ** 2)))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:few])
    rises = _rises(graph, rows[chosen], actual[chosen], features, 1, seed)
    first = sorted(features, key=lambda name: -rises[name])[: BUDGET // (2 * cells * REPEATS)]
    return rises | _rises(graph, rows, actual, first, REPEATS, seed)


def _rises(
    graph: Graph, rows: "pl.DataFrame", actual: NDArray[Any], features: Sequence[str], repeats: int, seed: int
) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(rows)) for _ in range(repeats)]
    feeds = graph.feeds(rows)
    base = _loss(graph.run(feeds), actual)

    def shuffled_loss(name: str) -> float:
        return float(np.mean([_loss(graph.run(_shuffled(graph, feeds, name, order)), actual) for order in orders]))

    return {name: shuffled_loss(name) - base for name in features}


def _shuffled(graph: Graph, feeds: Feeds, name: str, order: NDArray[np.intp]) -> Feeds:
    if graph.signature.layout == "columns":
        return {**feeds, name: feeds[name][order]}
    matrix_name, matrix = next(iter(feeds.items()))
    column = graph.features.index(name)
    shuffled = matrix.copy()
    shuffled[:, column] = matrix[order, column]
    return {matrix_name: shuffled}


def _loss(answers: Predictions, actual: NDArray[Any]) -> float:
    if answers.labels is None:
        return float(np.sqrt(np.mean((answers.values - actual) ** 2)))
    return float(row_log_loss(actual, answers.values).mean())
