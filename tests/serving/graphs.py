"""Bundles with another graph: damaged in ways that show late, with weights in a file, or a plain sum."""

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


def sum_graph() -> bytes:
    """Return a graph that answers the sum of all columns but the last one."""
    factors = np.array([[1.0]] * 12 + [[0.0]], np.float32)
    nodes = [
        helper.make_node("MatMul", ["features", "factors"], ["column"]),
        helper.make_node("Reshape", ["column", "flat"], ["prediction"]),
    ]
    return _graph(nodes, [numpy_helper.from_array(factors, "factors"), numpy_helper.from_array(np.array([-1]), "flat")])


def external(name: str, location: str) -> TensorProto:
    """Return a tensor of one float that lies in a file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("length", "4")):
        tensor.external_data.add(key=key, value=value)
    return tensor


RUN = ("initializer", "constant", "function", "branch", "constant of a branch")
"""Places of weights where ONNX Runtime looks for one when it loads the graph, and says that there is none."""
UNUSED = (
    "sparse initializer",
    "sparse constant",
    "list of tensors",
    "list of graphs",
    "list of sparse tensors",
    "default of a function's attribute",
    "training",
)
"""Places where a graph may have a tensor beside what it answers by."""


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
    constant_of_zero = helper.make_node("Constant", [], ["w"], value_floats=[0.0])
    if place == "initializer":
        return _graph([*row, *mix], [*weights, external("w", location)])
    if place == "constant":
        return _graph([*row, constant, *mix], weights)
    if place == "function":
        own = helper.make_function("own", "W", [], ["w"], [constant], [helper.make_opsetid("", 17)])
        return _graph([*row, helper.make_node("W", [], ["w"], domain="own"), *mix], weights, [own])
    if place in UNUSED:
        return _unused(_graph([*row, constant_of_zero, *mix], weights), place, external("w", location))
    branches = [_branch(name, location, place == "branch") for name in ("then", "else")]
    choice = helper.make_node("If", ["yes"], ["w"], then_branch=branches[0], else_branch=branches[1])
    return _graph([*row, choice, *mix], weights)


def _unused(graph: bytes, place: str, tensor: TensorProto) -> bytes:
    """Put a tensor where a graph may have one beside what it answers by."""
    model = onnx.load_from_string(graph)
    sparse = onnx.SparseTensorProto(values=tensor, indices=numpy_helper.from_array(np.array([0]), "at"), dims=[1])
    if place == "sparse initializer":
        model.graph.sparse_initializer.append(sparse)
    elif place == "training":
        model.training_info.add().algorithm.initializer.append(tensor)
    else:
        held: dict[str, Any] = {
            "sparse constant": {"type": onnx.AttributeProto.SPARSE_TENSOR, "sparse_tensor": sparse},
            "list of tensors": {"type": onnx.AttributeProto.TENSORS, "tensors": [tensor]},
            "list of graphs": {
                "type": onnx.AttributeProto.GRAPHS,
                "graphs": [onnx.GraphProto(name="inner", initializer=[tensor])],
            },
            "list of sparse tensors": {"type": onnx.AttributeProto.SPARSE_TENSORS, "sparse_tensors": [sparse]},
            "default of a function's attribute": {"type": onnx.AttributeProto.TENSOR, "t": tensor},
        }
        attribute = onnx.AttributeProto(name="more", **held[place])
        function = place == "default of a function's attribute"
        owner = model.functions.add(name="W").attribute_proto if function else model.graph.node[0].attribute
        owner.append(attribute)
    return bytes(model.SerializeToString())


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


def disguise_tag(graph: bytes) -> bytes:
    """Write the tag of a model's graph with a bit that readers drop, as protobuf's own do."""
    model = onnx.load_from_string(graph)
    inner = model.graph.SerializeToString()
    model.ClearField("graph")
    return bytes(model.SerializeToString()) + bytes([0xBA, 0x80, 0x80, 0x80, 0x10]) + _length(inner) + inner


def begin_with_a_group(graph: bytes) -> bytes:
    """Put a field in the form of a group ahead, which readers pass over."""
    return bytes([0xF3, 0x03, 0xF4, 0x03]) + graph


def _length(content: bytes) -> bytes:
    size, written = len(content), b""
    while size > 127:
        written, size = written + bytes([size & 127 | 128]), size >> 7
    return written + bytes([size])
