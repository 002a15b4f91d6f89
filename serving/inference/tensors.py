"""The tensors of the Open Inference Protocol: what a request may send, and how its values become columns."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from molino.contracts.release import Release, Tensor
from serving.features import ServedFeature
from serving.features.base import NUMBERS
from serving.features.wording import name_of
from serving.http.problems import Problem

DATATYPES = {"float32": "FP32", "int64": "INT64", "string": "BYTES"}
WHOLE = {f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)} | {
    f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)
}
"""The datatypes of whole numbers, with the least and the greatest of each."""
RANGES: Mapping[str, tuple[float, float]] = {
    **WHOLE, "FP16": (-65504.0, 65504.0), "FP32": (-math.inf, math.inf), "FP64": (-math.inf, math.inf)
}  # fmt: skip
"""Those of numbers; what is beyond FP32 is beyond what any feature takes."""


def describe(tensor: Tensor, datatype: str | None = None) -> dict[str, Any]:
    """Return a tensor as the protocol's metadata has it; of another datatype than the graph's where one is given."""
    return {"name": tensor.name, "datatype": datatype or DATATYPES[tensor.dtype], "shape": list(tensor.shape)}


def read_columns(release: Release, features: Sequence[ServedFeature], inputs: Any, most_rows: int) -> list[list[Any]]:
    """Return a column of values per feature, in feature order, not yet checked.

    A model of one input takes it under any name, and an input is left out where the graph fills it in.

    Raises:
        Problem: 422 where the tensors are not the ones that the model takes.
    """
    if not isinstance(inputs, list):
        raise Problem(422, '"inputs" must be an array of tensors')
    wanted = [tensor.name for tensor in release.signature.inputs]
    tensors = {_name(tensor, wanted): tensor for tensor in inputs}
    if len(tensors) != len(inputs) or not tensors.keys() <= set(wanted):
        raise Problem(422, f"the inputs must be {', '.join(wanted[:20])}, each once; see the model's metadata")
    if release.signature.layout == "matrix":
        flat = _read_matrix(wanted[0], release, _required(tensors, wanted[0]), most_rows)
        return [flat[position :: len(features)] for position in range(len(features))]
    columns = [_read_column(served, _given(tensors, served), most_rows) for served in features]
    sizes = {len(column) for column in columns if column is not None}
    if len(sizes) != 1:
        raise Problem(422, "the inputs must have the same number of rows")
    (rows,) = sizes
    return [[None] * rows if column is None else column for column in columns]


def _name(tensor: Any, wanted: Sequence[str]) -> str:
    known = isinstance(tensor, dict) and all(key in tensor for key in ("shape", "datatype"))
    name = tensor.get("name") if known else None
    if known and len(wanted) == 1 and (name is None or isinstance(name, str)):
        name = wanted[0]
    if not isinstance(name, str) or not isinstance(tensor["datatype"], str):
        raise Problem(422, "each input needs name, shape, datatype and data")
    _parameters(tensor)
    if not isinstance(tensor.get("data"), list):
        raise Problem(422, f"input {name[:64]}: expected name, shape, datatype and data, an array")
    return name


def _required(tensors: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    tensor: Mapping[str, Any] | None = tensors.get(name)
    if tensor is None:
        raise Problem(422, f"input {name} is missing; see the model's metadata")
    return tensor


def _given(tensors: Mapping[str, Any], served: ServedFeature) -> Mapping[str, Any] | None:
    """Return the tensor of a feature; none where it is left out and the graph fills it in."""
    name = served.feature.name
    return tensors.get(name) if served.feature.missing == "impute" else _required(tensors, name)


def _parameters(tensor: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = tensor.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise Problem(422, '"parameters" must be an object')
    return parameters


def _read_matrix(name: str, release: Release, tensor: Mapping[str, Any], most_rows: int) -> list[Any]:
    width = len(release.features)
    shape = _shape(name, tensor, most_rows)
    if len(shape) != 2 or shape[1] != width:
        raise Problem(422, f"input {name}: expected shape [rows, {width}], got {shape[:8]}")
    if tensor["datatype"] not in NUMBERS:
        raise Problem(422, f"input {name}: expected datatype FP32, got {tensor['datatype'][:16]!r}")
    return _flatten(name, tensor, shape, [feature.name for feature in release.features])


def _read_column(served: ServedFeature, tensor: Mapping[str, Any] | None, most_rows: int) -> list[Any] | None:
    if tensor is None:
        return None
    name, datatype = served.feature.name, tensor["datatype"]
    shape = _shape(name, tensor, most_rows)
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
        raise Problem(422, f"input {name}: expected shape [rows], got {shape[:8]}")
    if datatype not in served.datatypes:
        wanted = ", ".join(sorted(served.datatypes))
        raise Problem(422, f"input {name}: expected a datatype of {wanted}, got {datatype[:16]!r}")
    return _flatten(name, tensor, shape, [name])


def _shape(name: str, tensor: Mapping[str, Any], most_rows: int) -> list[int]:
    shape = tensor["shape"]
    if not isinstance(shape, list) or not all(isinstance(size, int) and not isinstance(size, bool) for size in shape):
        raise Problem(422, f"input {name}: shape must be an array of integers")
    if not shape or not 1 <= shape[0] <= most_rows:
        raise Problem(422, f"input {name}: expected 1 to {most_rows} rows, got shape {shape[:8]}")
    return shape


def _flatten(name: str, tensor: Mapping[str, Any], shape: Sequence[int], features: Sequence[str]) -> list[Any]:
    """Return the values in row-major order, from a flat array or a nested one of the same shape."""
    data: list[Any] = tensor["data"]
    if len(shape) == 2 and data and isinstance(data[0], list):
        if len(data) != shape[0] or not all(isinstance(row, list) and len(row) == shape[1] for row in data):
            raise Problem(422, f"input {name}: data doesn't have the shape {list(shape)}")
        data = [value for row in data for value in row]
    if len(data) != math.prod(shape):
        raise Problem(422, f"input {name}: shape {list(shape)} needs {math.prod(shape)} values, got {len(data)}")
    if tensor["datatype"] in RANGES:
        _hold_to(tensor["datatype"], data, features)
    return data


def _hold_to(datatype: str, data: Sequence[Any], features: Sequence[str]) -> None:
    """Hold numbers to the datatype that is declared; what is no number, each feature refuses.

    Raises:
        Problem: 422 with the row and the feature of the first that is none of it.
    """
    low, high = RANGES[datatype]
    whole = datatype in WHOLE
    kinds = set(map(type, data))
    if kinds <= ({int} if whole else {int, float}) and (high == math.inf or (low <= min(data) and max(data) <= high)):
        return
    for at, value in enumerate(data):
        if not isinstance(value, int | float):
            continue
        if isinstance(value, bool) or not low <= value <= high or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            within = "" if high == math.inf else f" from {low} to {high}"
            detail = f"expected {kind}{within}, as {datatype} is, got {name_of(value)}"
            fault = {"row": at // len(features), "feature": features[at % len(features)], "detail": detail}
            raise Problem(422, f"row {fault['row']}, feature {fault['feature']}: {detail}", errors=[fault])
