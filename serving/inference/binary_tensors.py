"""The binary tensor extension of the Open Inference Protocol: values behind the JSON, as Triton's clients send them.

The header `Inference-Header-Content-Length` has the length of the JSON; the values of the tensors that have
`binary_data_size` follow it in their order, little-endian and row by row. Strings have their length before them, in
four bytes.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from serving.http.problems import Problem

HEADER = b"inference-header-content-length"
CONTENT_TYPE = b"application/octet-stream"
SIZE = "binary_data_size"
_LENGTH = struct.Struct("<I")
_DTYPES: Mapping[str, str] = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}


def split_body(body: bytes, length: bytes | None) -> tuple[bytes, memoryview]:
    """Return the JSON of a body and the values behind it.

    Args:
        body: the whole body.
        length: what the header says of the JSON's length; none where all is JSON.

    Raises:
        Problem: 400 where the length is none, or beyond the body.
    """
    if length is None:
        return body, memoryview(b"")
    text = length.strip()
    if not text.isdigit() or len(text) > 12 or int(text) > len(body):
        raise Problem(400, "Inference-Header-Content-Length must be the length of the JSON that begins the body")
    return body[: int(text)], memoryview(body)[int(text) :]


def attach(tensors: Any, values: memoryview, most: int) -> None:
    """Give each tensor that has `binary_data_size` its values as `data`; missing numbers, which are NaN, are none.

    Raises:
        Problem: 422 where sizes and values don't agree, or a tensor holds more than `most` values.
    """
    start = 0
    for tensor in tensors if isinstance(tensors, list) else ():
        parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
        if not isinstance(parameters, dict) or SIZE not in parameters:
            continue
        name, size = str(tensor.get("name"))[:64], parameters[SIZE]
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(values) - start:
            left = f"{len(values) - start} bytes are left behind the JSON"
            raise Problem(
                422,
                f"input {name}: {SIZE} is {str(size)[:20]}, but {left}; Inference-Header-Content-Length tells its end",
            )
        if tensor.get("data") is not None:
            raise Problem(422, f"input {name}: has both data and {SIZE}")
        tensor["data"] = _decode(name, tensor.get("datatype"), values[start : start + size], most)
        start += size
    if start != len(values):
        raise Problem(422, f"{len(values) - start} bytes behind the JSON belong to no input")


def _decode(name: str, datatype: Any, values: memoryview, most: int) -> list[Any]:
    if datatype == "BYTES":
        return _decode_texts(name, values, most)
    dtype = _DTYPES.get(datatype) if isinstance(datatype, str) else None
    if dtype is None:
        raise Problem(422, f"input {name}: no binary data of datatype {str(datatype)[:16]!r} are taken")
    if len(values) % np.dtype(dtype).itemsize:
        raise Problem(422, f"input {name}: {len(values)} bytes are no whole number of {datatype}")
    array = np.frombuffer(values, dtype)
    if array.size > most:
        raise _too_many(name, most)
    if datatype == "BOOL" and (wrong := np.flatnonzero(array.view(np.uint8) > 1)).size:
        raise Problem(422, f"input {name}: value {wrong[0]} is the byte {values[wrong[0]]}; expected BOOL, 0 or 1")
    listed: list[Any] = array.tolist()
    if array.dtype.kind == "f" and np.isnan(array).any():
        return [None if value != value else value for value in listed]
    return listed


def _too_many(name: str, most: int) -> Problem:
    return Problem(422, f"input {name}: holds more than the {most} values that the model takes at once")


def _decode_texts(name: str, values: memoryview, most: int) -> list[str]:
    texts: list[str] = []
    start = 0
    while start < len(values):
        if len(texts) == most:
            raise _too_many(name, most)
        end = start + _LENGTH.size
        if end <= len(values):
            end += _LENGTH.unpack_from(values, start)[0]
        if end > len(values) or end < start + _LENGTH.size:
            raise Problem(422, f"input {name}: its last string is cut off")
        try:
            texts.append(str(values[start + _LENGTH.size : end], "utf-8"))
        except UnicodeDecodeError as error:
            raise Problem(422, f"input {name}: string {len(texts)} is not UTF-8") from error
        start = end
    return texts


def encode(answer: dict[str, Any], binary: Sequence[str]) -> tuple[bytes, int | None]:
    """Return the body of an answer, and the length of its JSON where values are behind it.

    Args:
        answer: as JSON has it, with the outputs' `data`; changed.
        binary: names of the outputs to send as bytes.
    """
    parts: list[bytes] = []
    for output in answer["outputs"]:
        if output["name"] in binary:
            parts.append(_encode(output["datatype"], output.pop("data")))
            output["parameters"] = {SIZE: len(parts[-1])}
    text = msgspec.json.encode(answer)
    return (b"".join([text, *parts]), len(text)) if parts else (text, None)


def _encode(datatype: str, values: Sequence[Any]) -> bytes:
    if datatype != "BYTES":
        array: NDArray[Any] = np.array(values, _DTYPES[datatype])
        return array.tobytes()
    texts = [text.encode() for text in values]
    return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))
