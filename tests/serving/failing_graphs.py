"""Bundles whose graph is damaged in ways that show late, or that takes weights from a file."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from molino.contracts.pointer import bundle_path
from molino.contracts.release import MODEL_FILENAME, RELEASE_FILENAME

TABLE = (21.0, 22.0, 23.0)


def replace_graph(home: Path, model: str, version: str, graph: bytes, **release: Any) -> None:
    """Put another graph into a bundle, with the SHA-256 that it has and other keys of the release."""
    folder = bundle_path(home, model, version)
    content = json.loads((folder / RELEASE_FILENAME).read_text())
    content |= {"onnx_sha256": hashlib.sha256(graph).hexdigest(), "onnx_bytes": len(graph), **release}
    (folder / RELEASE_FILENAME).write_text(json.dumps(content))
    (folder / MODEL_FILENAME).write_bytes(graph)


def look_up_graph(column: int) -> bytes:
    """Return a graph that looks the whole number of a column up in a table, and fails where the table has none."""
    nodes = [
        helper.make_node("Gather", ["features", "column"], ["value"], axis=1),
        helper.make_node("Cast", ["value"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "place"], ["found"]),
        helper.make_node("Reshape", ["found", "flat"], ["prediction"]),
    ]
    weights = {"column": np.array(column), "table": np.array(TABLE, np.float32), "flat": np.array([-1])}
    return _graph(nodes, [numpy_helper.from_array(value, name) for name, value in weights.items()])


def external(name: str, location: str) -> TensorProto:
    """Return a tensor of one float that lies in a file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("length", "4")):
        tensor.external_data.add(key=key, value=value)
    return tensor


def external_graph(place: str, location: str) -> bytes:
    """Return a graph that answers a float of a file; `place` is where the graph has the tensor."""
    row = [helper.make_node("ReduceSum", ["features", "axis"], ["sum"], keepdims=0)]
    mix = [helper.make_node("Mul", ["sum", "zero"], ["none"]), helper.make_node("Add", ["none", "w"], ["prediction"])]
    weights = [
        numpy_helper.from_array(np.array([1]), "axis"),
        numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
        numpy_helper.from_array(np.array(True), "yes"),
    ]
    constant = helper.make_node("Constant", [], ["w"], value=external("w", location))
    if place == "initializer":
        return _graph([*row, *mix], [*weights, external("w", location)])
    if place == "constant":
        return _graph([*row, constant, *mix], weights)
    if place == "function":
        own = helper.make_function("own", "W", [], ["w"], [constant], [helper.make_opsetid("", 17)])
        return _graph([*row, helper.make_node("W", [], ["w"], domain="own"), *mix], weights, [own])
    branches = [_branch(name, location, place == "branch") for name in ("then", "else")]
    choice = helper.make_node("If", ["yes"], ["w"], then_branch=branches[0], else_branch=branches[1])
    return _graph([*row, choice, *mix], weights)


def _branch(name: str, location: str, initializer: bool) -> onnx.GraphProto:
    tensor = external(f"w_{name}", location)
    nodes = [] if initializer else [helper.make_node("Constant", [], [tensor.name], value=tensor)]
    nodes.append(helper.make_node("Identity", [tensor.name], [f"{name}_w"]))
    outputs = [helper.make_tensor_value_info(f"{name}_w", TensorProto.FLOAT, [1])]
    return helper.make_graph(nodes, name, [], outputs, [tensor] if initializer else [])


def _graph(nodes: Sequence[Any], weights: Sequence[TensorProto], functions: Sequence[Any] = ()) -> bytes:
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 13])]
    outputs = [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None])]
    graph = helper.make_graph(list(nodes), "graph", inputs, outputs, list(weights))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    made = helper.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=8)
    return bytes(made.SerializeToString())
