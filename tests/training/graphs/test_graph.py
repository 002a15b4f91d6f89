import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper

from molino.contracts.errors import ReleaseError
from training.graphs import graph as inference
from training.graphs.graph import Graph, answer_file, read_sample


def test_a_matrix_graph_is_known(graphs):
    signature = graphs["housing"][0].signature
    assert (signature.layout, signature.inputs[0].shape) == ("matrix", (-1, 13))


def test_a_graph_of_columns_has_its_inputs_in_feature_order(graphs):
    graph = graphs["penguins"][0]
    assert [tensor.name for tensor in graph.signature.inputs] == list(graph.features)


def test_categories_enter_as_strings(graphs):
    dtypes = {tensor.name: tensor.dtype for tensor in graphs["penguins"][0].signature.inputs}
    assert (dtypes["sex"], dtypes["year"]) == ("string", "float32")


def test_probabilities_come_in_the_order_asked_for(graphs):
    graph, rows, _ = graphs["penguins"]
    reordered = Graph(graph.path, graph.features, ("Gentoo", "Adelie", "Chinstrap"))
    assert np.array_equal(reordered.answer(rows).values, graph.answer(rows).values[:, [2, 0, 1]])


def test_labels_are_the_classes_with_the_greatest_probability(graphs):
    answers = graphs["penguins"][0].answer(graphs["penguins"][1])
    assert np.array_equal(answers.labels, answers.values.argmax(axis=1))


def test_a_missing_number_is_nan_and_a_missing_category_the_empty_string(graphs):
    graph, rows, _ = graphs["penguins"]
    blank = rows.head(1).with_columns(pl.lit(None).alias("bill_length_mm"), pl.lit(None, pl.String).alias("sex"))
    feeds = graph.feeds(blank)
    assert (np.isnan(feeds["bill_length_mm"][0]), feeds["sex"][0]) == (True, "")


def test_columns_may_stand_in_any_order(graphs):
    graph, rows, _ = graphs["housing"]
    assert np.array_equal(graph.answer(rows.select(reversed(rows.columns))).values, graph.answer(rows).values)


@pytest.mark.parametrize("name", ["housing", "penguins"])
def test_a_file_read_in_batches_gives_the_same_answers(name, graphs, monkeypatch):
    graph, rows, path = graphs[name]
    monkeypatch.setattr(inference, "BATCH_ROWS", 37)
    assert np.array_equal(answer_file(graph, path).values, graph.answer(rows).values)


def test_a_sample_is_read_over_the_bounds_of_batches(graphs, monkeypatch):
    _, rows, path = graphs["housing"]
    monkeypatch.setattr(inference, "BATCH_ROWS", 37)
    positions = np.array([0, 36, 37, 200, 505])
    assert read_sample(path, ["crim", "medv"], positions).equals(rows.select("crim", "medv")[positions])


def test_a_file_that_is_no_graph_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ReleaseError, match=r"model\.onnx: no ONNX graph that can be run"):
        Graph(tmp_path / "model.onnx", ["a"], None)


@pytest.mark.parametrize(
    ("features", "classes", "said"),
    [
        (["a", "b"], None, r"the graph's input features is float32 \(-1, 13\); expected float32 \(-1, 2\)"),
        (["a"] * 13, ["x", "y"], "the graph has no output label, probability_x, probability_y; it has prediction"),
    ],
)
def test_a_graph_of_another_model_is_refused(features, classes, said, graphs):
    with pytest.raises(ReleaseError, match=said):
        Graph(graphs["housing"][0].path, features, classes)


def test_a_graph_that_lacks_a_feature_is_refused(graphs):
    graph = graphs["penguins"][0]
    with pytest.raises(ReleaseError, match="expected one per feature: island, wing"):
        Graph(graph.path, ["island", "wing"], graph.classes)


def identity(path, kind):
    """Write a graph that gives its one input, a column, as its prediction."""
    values = [helper.make_tensor_value_info(name, kind, [None]) for name in ("year", "prediction")]
    nodes = [helper.make_node("Identity", ["year"], ["prediction"])]
    graph = helper.make_graph(nodes, "identity", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_a_column_of_whole_numbers_may_enter_as_such(tmp_path):
    graph = Graph(identity(tmp_path / "model.onnx", TensorProto.INT64), ["year"], None)
    assert graph.answer(pl.DataFrame({"year": [2007, 2009]})).values.tolist() == [2007, 2009]


def test_a_graph_of_another_type_is_refused(tmp_path):
    with pytest.raises(ReleaseError, match=r"year of the graph is tensor\(double\); expected one of tensor\(float\)"):
        Graph(identity(tmp_path / "model.onnx", TensorProto.DOUBLE), ["year"], None)
