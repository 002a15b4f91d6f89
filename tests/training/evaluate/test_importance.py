import numpy as np
import pytest

from training.evaluate import importance
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


def test_beyond_the_budget_the_first_features_have_all_shuffles(graphs, monkeypatch):
    graph, rows, _ = graphs["housing"]
    actual = graph.answer(rows).values
    whole = permutation_importance(graph, rows, actual, 0)
    monkeypatch.setattr(importance, "BUDGET", 2 * 3 * len(rows) * len(graph.features) * importance.REPEATS)
    capped = permutation_importance(graph, rows, actual, 0)
    thorough = {name for name in whole if capped[name] == whole[name]}
    assert (len(thorough), max(whole, key=whole.get) in thorough, set(capped) == set(whole)) == (3, True, True)


def test_beyond_the_budget_the_cells_asked_about_are_bounded(graphs, monkeypatch):
    graph, rows, _ = graphs["housing"]
    asked = []
    run = graph.run
    monkeypatch.setattr(graph, "run", lambda feeds: (asked.append(feeds["features"].size), run(feeds))[1])
    monkeypatch.setattr(importance, "BUDGET", 100_000)
    permutation_importance(graph, rows, graph.answer(rows).values, 0)
    # Each of the two rounds asks once more, for what the loss is without a shuffle.
    assert sum(asked) <= 100_000 + 2 * rows.width * len(rows) + len(graph.features) ** 2 * importance.LEAST_ROWS
