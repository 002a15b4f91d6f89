import numpy as np
import pytest

from training.evaluate.importance import permutation_importance


def test_a_feature_that_the_graph_does_not_use_has_none(graphs):
    graph, rows, _ = graphs["housing"]
    constant = rows.with_columns(chas=rows["chas"] * 0)
    assert permutation_importance(graph, constant, rows["medv"].to_numpy(), 0)["chas"] == 0.0


def test_the_feature_that_tells_most_is_the_most_important(graphs):
    graph, rows, _ = graphs["penguins"]
    actual = graph.answer(rows).labels
    rises = permutation_importance(graph, rows, np.asarray(actual), 0)
    assert max(rises, key=rises.get) == "bill_length_mm"


def test_the_rise_is_that_of_the_rmse(graphs):
    graph, rows, _ = graphs["housing"]
    actual = graph.answer(rows).values
    shuffled = rows.with_columns(rm=rows["rm"].reverse())
    expected = np.sqrt(np.mean((graph.answer(shuffled).values - actual) ** 2))
    assert permutation_importance(graph, rows, actual, 0)["rm"] == pytest.approx(expected, rel=0.15)


def test_the_same_seed_gives_the_same_rises(graphs):
    graph, rows, _ = graphs["housing"]
    first, second = (permutation_importance(graph, rows, rows["medv"].to_numpy(), 5) for _ in range(2))
    assert first == second
