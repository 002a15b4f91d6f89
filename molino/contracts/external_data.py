"""Whether a graph takes weights from files beside it.

A release's SHA-256 speaks of the graph alone, and such a file may be any that the server can read. ONNX Runtime looks
for it in the working directory where a graph is given as bytes.
"""

from collections.abc import Iterator, Mapping

Message = Mapping[int, str]
_MESSAGES: Mapping[str, Message] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""The fields of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that lead to a tensor."""
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _FIXED64, _BYTES, _GROUP, _GROUP_END, _FIXED32 = 0, 1, 2, 3, 4, 5
_TAG_BITS = 2**32 - 1
"""What readers keep of a field's tag, however many bits are written."""
_PLACE = b"location"
"""The key under which a tensor names its file; a graph without these letters has no such tensor."""


def has_external_data(graph: bytes) -> bool:
    """Tell whether any tensor of an ONNX graph, however deep, lies in a file; what can't be read as one has none."""
    return _PLACE in graph and _holds_external(memoryview(graph))


def _holds_external(graph: memoryview) -> bool:
    waiting = [("model", graph)]
    while waiting:
        kind, content = waiting.pop()
        try:
            for field, value in _fields(content):
                if kind == "tensor":
                    if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0):
                        return True
                elif field in _MESSAGES[kind] and isinstance(value, memoryview):
                    waiting.append((_MESSAGES[kind][field], value))
        except (IndexError, ValueError):
            continue
    return False


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field of a protobuf message.

    Raises:
        IndexError, ValueError: the bytes are no message.
    """
    position = 0
    while position < len(content):
        tag, position = _varint(content, position)
        tag &= _TAG_BITS
        wire = tag & 7
        if wire == _VARINT:
            value, position = _varint(content, position)
            yield tag >> 3, value
        elif wire == _BYTES:
            length, position = _varint(content, position)
            yield tag >> 3, content[position : position + length]
            position += length
        elif wire in (_FIXED64, _FIXED32):
            position += 8 if wire == _FIXED64 else 4
        elif wire not in (_GROUP, _GROUP_END):  # What is in a group, which ONNX has none of, is as good as beside it.
            raise ValueError(f"wire type {wire}")


def _varint(content: memoryview, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = content[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
