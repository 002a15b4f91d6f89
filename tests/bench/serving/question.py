"""A request in the form of one server, and its answer read back as numbers."""

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.bench.serving.fault import BenchError

Rows = list[list[float]]
TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Form:
    """How a server wants rows, and where its answers are."""

    path: str
    encode: Callable[[Rows], Any]
    decode: Callable[[Any], list[float]]


DATA = Form("/predict", lambda rows: {"data": rows}, lambda answer: answer["predictions"])
"""Ours, and what the apps of the general frameworks take."""
MLFLOW = Form("/invocations", lambda rows: {"inputs": rows}, lambda answer: _flat(answer["predictions"]))
KSERVE_V1 = Form("/v1/models/housing:predict", lambda rows: {"instances": rows}, lambda answer: answer["predictions"])


def _tensor(rows: Rows) -> dict[str, Any]:
    flat = [value for row in rows for value in row]
    shape = [len(rows), len(rows[0])]
    return {"inputs": [{"name": "features", "shape": shape, "datatype": "FP32", "data": flat}]}


INFERENCE_V2 = Form("/v2/models/housing/infer", _tensor, lambda answer: answer["outputs"][0]["data"])
"""The Open Inference Protocol."""


@dataclass(frozen=True)
class Question:
    """A request that is ready to be sent, any number of times."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def question(form: Form, rows: Rows, headers: dict[str, str]) -> Question:
    """Return the request for some rows, in the form of a server."""
    body = json.dumps(form.encode(rows)).encode()
    return Question(form.path, body, {"Content-Type": "application/json", **headers})


def ask(port: int, asked: Question) -> bytes:
    """Send a request once and return the body of the answer.

    Raises:
        OSError: nothing listens yet, or the connection broke.
        BenchError: the answer is not 200.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", asked.path, asked.body, asked.headers)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"broken answer: {error!r}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise BenchError(f"{asked.path} answered {answer.status}: {body[:300].decode(errors='replace')}")
    return body


def difference(form: Form, body: bytes, expected: list[float]) -> float:
    """Return the greatest difference of an answer from the expected predictions.

    Raises:
        BenchError: the answer has another form or another number of predictions.
    """
    try:
        predictions = form.decode(json.loads(body))
        pairs = list(zip(predictions, expected, strict=True))
        return max(abs(got - wanted) for got, wanted in pairs)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise BenchError(f"unexpected answer ({error!r}): {body[:300].decode(errors='replace')}") from error


def _flat(predictions: Any) -> list[float]:
    """Return one number per row, where the output is named or each row's answer is a list of one."""
    if isinstance(predictions, dict):
        (predictions,) = predictions.values()
    return [value[0] if isinstance(value, list) else value for value in predictions]
