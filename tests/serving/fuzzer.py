"""Makes right and wrong requests from a seed: values, JSON text, bytes, headers and framing."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from molino.contracts.release import Feature, Release

ODD_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 0.5, 1e30, 1.0000001e30, -1e31, 1e38, 3.5e38, 1e308, 2**24, 2**24 + 1, 2**53, 2**63,
    2**64, 10**30, 10**40, 10**400, "", "0", "1.5", "NaN", "null", " ", "\0", "é", "💡", "a" * 300, [], [1], {},
    {"a": 1}, [[]],
]  # fmt: skip
TOKENS = [
    b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1e-400", b"0x10", b"01", b"1.", b".5", b"+1", b"--1",
    b"1_0",
    b"nul", b"True", b"'a'", b'"\\ud800"', b'"\\u0000"', b'"\\x00"', b'"a\nb"', b"//", b",", b"[", b"]", b"{", b"}",
    b":",
    b'"',
    b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"1e5", b"-0", b"-0.0", b"1E+2", b" \t\r\n",
    b"\x0b", b"",
]  # fmt: skip
CONTENT_TYPES = [
    "", "text/plain", "application/xml", "application/jsonx", "application/json;charset=utf-16", "json", "*/*", ";",
    "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/problem+json", "a" * 500,
]  # fmt: skip
REFUSALS = {400, 401, 404, 405, 413, 414, 415, 422, 431}
"""Statuses that a wrong request may have."""
PATHS = ["/models//predict", "/models/x/predict", "/predict/", "/%ff", "/a%00", "/v2/x", "/models/%2e%2e/predict"]


@dataclass
class Sent:
    """One request of the fuzzer."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    sound: bool = True
    """Whether everything but the body is right, so that the body alone decides."""


class Fuzzer:
    """Makes requests to one model."""

    def __init__(self, release: Release, seed: int) -> None:
        self.release = release
        self.random = random.Random(seed)
        self.path = f"/models/{release.name}/predict"

    def body(self) -> bytes:
        """Return a body: right, wrong in a value, wrong in shape, or broken as text."""
        content = self._content()
        kind = self.random.random()
        if kind < 0.2:
            return self._encode(content)
        if kind < 0.5:
            return self._encode(self._change_value(content))
        if kind < 0.65:
            return self._encode(self._change_shape(content))
        text = self._encode(content)
        for _ in range(self.random.choice((1, 1, 1, 2, 5))):
            text = self._break_text(text)
        return text

    def request(self) -> Sent:
        """Return a request that is wrong in its headers or method now and then."""
        body = self.body()
        if self.random.random() < 0.85:
            return Sent(self.path, body)
        kind = self.random.randrange(5)
        if kind == 0:
            return Sent(self.path, body, {"Content-Type": self.random.choice(CONTENT_TYPES)}, sound=False)
        if kind == 1:
            return Sent(self.path, body, {"X-API-KEY": self.random.choice(["", "x", "mercadolibr", "é"])}, sound=False)
        if kind == 2:
            method = self.random.choice(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
            return Sent(self.path, body, method=method, sound=False)
        if kind == 3:
            return Sent(self.random.choice(PATHS), body, sound=False)
        return Sent(self.path, body, {"Content-Encoding": self.random.choice(["gzip", "br", "x"])}, sound=False)

    def tensors(self) -> Sent:
        """Return a request of the Open Inference Protocol, broken somewhere."""
        rows = [self._row() for _ in range(self.random.randint(1, 3))]
        inputs: list[Any] = [
            {"name": feature.name, "shape": [len(rows)], "datatype": "BYTES" if feature.type == "category" else "FP32",
             "data": [row[position] for row in rows]}
            for position, feature in enumerate(self.release.features)
        ]  # fmt: skip
        if self.release.signature.layout == "matrix":
            name, width = self.release.signature.inputs[0].name, len(self.release.features)
            flat = [value for row in rows for value in row]
            inputs = [{"name": name, "shape": [len(rows), width], "datatype": "FP32", "data": flat}]
        content: dict[str, Any] = {"id": "a", "inputs": inputs, "outputs": [], "parameters": {}}
        target = self.random.choice([content, *inputs, *inputs])
        key = self.random.choice([*target, "more"])
        target[key] = self.random.choice(
            [*ODD_VALUES, [None], [-1], [10**9, 10**9], ["a"] * 3, {"binary_data_size": 4}]
        )
        text = self._encode(content)
        return Sent(
            f"/v2/models/{self.release.name}/infer", self._break_text(text) if self.random.random() < 0.3 else text
        )

    def _content(self) -> dict[str, Any]:
        rows = [self._row() for _ in range(self.random.choice((1, 1, 1, 2, 7)))]
        if self.random.random() < 0.5:
            return {"data": rows}
        names = [feature.name for feature in self.release.features]
        return {"records": [dict(zip(names, row, strict=True)) for row in rows]}

    def _row(self) -> list[Any]:
        return [self._value(feature) for feature in self.release.features]

    def _value(self, feature: Feature) -> Any:
        if feature.missing == "impute" and self.random.random() < 0.2:
            return None
        if feature.type == "category":
            return self.random.choice([*(feature.values or ()), *(["other"] if feature.unseen == "other" else [])])
        if feature.type == "boolean":
            return self.random.choice([True, False, 0, 1])
        number = self.random.uniform(feature.minimum or 0, feature.maximum or 1)
        return self.random.choice([round(number), float(round(number))]) if feature.type == "integer" else number

    def _change_value(self, content: dict[str, Any]) -> dict[str, Any]:
        (rows,) = content.values()
        row = self.random.choice(rows)
        row[self.random.choice(list(row) if isinstance(row, dict) else range(len(row)))] = self.random.choice(
            ODD_VALUES
        )
        return content

    def _change_shape(self, content: dict[str, Any]) -> Any:
        ((key, rows),) = content.items()
        row = rows[0]
        changes: list[Any] = [
            {},
            rows,
            {key: []},
            {key: rows, "more": 1},
            {key: rows, "data" if key == "records" else "records": rows},
            {key: {"0": row}},
            {key: row},
            {key: [*rows, self.random.choice(ODD_VALUES)]},
            {key: rows * 2500},
            {key.upper(): rows},
            {key: [[row]]},
        ]
        if isinstance(row, dict):
            missing = self.random.choice(list(row))
            changes += [
                {key: [{name: value for name, value in row.items() if name != missing}]},
                {key: [{**row, self.random.choice(["", "x", "Crim", "\0", "é"]): 1}]},
                {"data": rows},
            ]
        else:
            changes += [{key: [row[:-1]]}, {key: [[*row, 1]]}, {key: [[*row, None]]}, {key: [[]]}, {"records": rows}]
        return self.random.choice(changes)

    def _encode(self, content: Any) -> bytes:
        indent = self.random.choice((None, None, 1))
        return json.dumps(content, indent=indent, ensure_ascii=self.random.random() < 0.5).encode("utf-8")

    def _break_text(self, text: bytes) -> bytes:
        at = self.random.randrange(len(text) + 1)
        to = min(len(text), at + self.random.choice((0, 1, 1, 4, 30)))
        kind = self.random.randrange(8)
        if kind < 3:
            return text[:at] + self.random.choice(TOKENS) + text[to:]
        if kind == 3:
            return text[:at]
        if kind == 4:
            return text[:at] + bytes([self.random.randrange(256)]) + text[at + 1 :]
        if kind == 5:
            encoding = self.random.choice(["utf-16", "utf-32", "utf-16-be", "utf-8-sig", "latin-1"])
            return text.decode("utf-8", "ignore").encode(encoding, "ignore")
        if kind == 6:
            depth = self.random.choice((10, 900, 1100, 50_000))
            return (
                text[:at]
                + self.random.choice((b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth))
                + text[to:]
            )
        return text + self.random.choice((text, b"{}", b"x", b"\0", b" ", b"\n\n"))


def frame(body: bytes, path: str, chance: random.Random) -> bytes:
    """Return a request as bytes, whose length is told wrongly now and then."""
    length = len(body) + chance.choice((0, 0, -1, 1, -10, 10, -len(body), 100_000))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-KEY: mercadolibre\r\nContent-Type: application/json\r\n"
    if chance.random() < 0.2:
        return f"{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode() + body


def garble(raw: bytes, chance: random.Random) -> bytes:
    """Return bytes with a fault among the first, or cut off there."""
    kind = chance.randrange(4)
    at = chance.randrange(min(len(raw), 200))
    if kind == 0:
        return raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :]
    if kind == 1:
        return raw[:at] + chance.randbytes(chance.randrange(20)) + raw[at:]
    return raw[:at] if kind == 2 else raw
