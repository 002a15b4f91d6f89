"""The tensors of the Open Inference Protocol: what a request may send, and how its values become rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from molino.contracts.release import Release, Tensor
from serving.features import ServedFeature
from serving.features.base import NUMBERS
from serving.http.problems import Problem

DATATYPES = {"float32": "FP32", "int64": "INT64", "string": "BYTES"}


def describe(tensor: Tensor, datatype: str | None = None) -> dict[str, Any]:
    """Return a tensor as the protocol's metadata has it; of another datatype than the graph's where one is given."""
    return {"name": tensor.name, "datatype": datatype or DATATYPES[tensor.dtype], "shape": list(tensor.shape)}


def read_rows(release: Release, features: Sequence[ServedFeature], inputs: Any, most_rows: int) -> list[list[Any]]:
    """Return rows in feature order, their values not yet checked.

    Raises:
        Problem: 422 where the tensors are not the ones that the model takes.
    """
    if not isinstance(inputs, list):
        raise Problem(422, '"inputs" must be an array of tensors')
    tensors = {_name(tensor): tensor for tensor in inputs}
    wanted = [tensor.name for tensor in release.signature.inputs]
    if len(tensors) != len(inputs) or sorted(tensors) != sorted(wanted):
        raise Problem(422, f"the inputs must be {', '.join(wanted[:20])}, each once; see the model's metadata")
    if release.signature.layout == "matrix":
        return _read_matrix(release, tensors[wanted[0]], most_rows)
    columns = [_read_column(served, tensors[served.feature.name], most_rows) for served in features]
    if len({len(column) for column in columns}) != 1:
        raise Problem(422, "the inputs must have the same number of rows")
    return [list(row) for row in zip(*columns, strict=True)]


def _name(tensor: Any) -> str:
    known = isinstance(tensor, dict) and all(key in tensor for key in ("name", "shape", "datatype"))
    if not known or not isinstance(tensor["name"], str) or not isinstance(tensor["datatype"], str):
        raise Problem(422, "each input needs name, shape, datatype and data")
    if "binary_data_size" in _parameters(tensor):
        raise Problem(422, f"input {tensor['name'][:64]}: send data as JSON; binary tensor data is not spoken here")
    unknown = tensor.keys() - {"name", "shape", "datatype", "parameters", "data"}
    if unknown or not isinstance(tensor.get("data"), list):
        raise Problem(422, f"input {tensor['name'][:64]}: expected name, shape, datatype and data, an array")
    return str(tensor["name"])


def _parameters(tensor: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = tensor.get("parameters", {})
    if not isinstance(parameters, dict):
        raise Problem(422, '"parameters" must be an object')
    return parameters


def _read_matrix(release: Release, tensor: Mapping[str, Any], most_rows: int) -> list[list[Any]]:
    width = len(release.features)
    shape = _shape(tensor, most_rows)
    if len(shape) != 2 or shape[1] != width:
        raise Problem(422, f"input {tensor['name']}: expected shape [rows, {width}], got {shape[:8]}")
    if tensor["datatype"] not in NUMBERS:
        raise Problem(422, f"input {tensor['name']}: expected datatype FP32, got {tensor['datatype'][:16]!r}")
    flat = _flatten(tensor, shape)
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def _read_column(served: ServedFeature, tensor: Mapping[str, Any], most_rows: int) -> list[Any]:
    name, shape, datatype = served.feature.name, _shape(tensor, most_rows), tensor["datatype"]
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
        raise Problem(422, f"input {name}: expected shape [rows], got {shape[:8]}")
    if datatype not in served.datatypes:
        wanted = ", ".join(sorted(served.datatypes))
        raise Problem(422, f"input {name}: expected a datatype of {wanted}, got {datatype[:16]!r}")
    return _flatten(tensor, shape)


def _shape(tensor: Mapping[str, Any], most_rows: int) -> list[int]:
    shape = tensor["shape"]
    if not isinstance(shape, list) or not all(isinstance(size, int) and not isinstance(size, bool) for size in shape):
        raise Problem(422, f"input {tensor['name']}: shape must be an array of integers")
    if not shape or not 1 <= shape[0] <= most_rows:
        raise Problem(422, f"input {tensor['name']}: expected 1 to {most_rows} rows, got shape {shape[:8]}")
    return shape


def _flatten(tensor: Mapping[str, Any], shape: Sequence[int]) -> list[Any]:
    """Return the values in row-major order, from a flat array or a nested one of the same shape."""
    data = tensor["data"]
    if len(shape) == 2 and data and isinstance(data[0], list):
        if len(data) != shape[0] or not all(isinstance(row, list) and len(row) == shape[1] for row in data):
            raise Problem(422, f"input {tensor['name']}: data doesn't have the shape {list(shape)}")
        data = [value for row in data for value in row]
    if len(data) != math.prod(shape):
        raise Problem(
            422, f"input {tensor['name']}: shape {list(shape)} needs {math.prod(shape)} values, got {len(data)}"
        )
    return list(data)
