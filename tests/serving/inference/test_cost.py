"""What many rows cost in each form: no work of Python by row or by value, in none of them."""

import hashlib
import json
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import onnx
import pytest
from bundles import HOUSING_ROW, build_housing, give_columns
from running_server import KEY

from molino.contracts.pointer import bundle_path, write_pointer
from molino.contracts.release import MODEL_FILENAME, RELEASE_FILENAME, Release, Signature, Tensor
from serving.asgi import App
from serving.http.exchange import Answer
from serving.http.requests import Message, Request
from serving.routes.inference import answer_inference
from serving.routes.predict import answer_predict
from serving.service import Service, open_service
from serving.settings import ServingSettings

ROWS = 1000
MOST_CALLS = 150
"""Of functions, of Python and of C, from the head of a request for one row to its answer."""
MOST_CALLS_V2 = 250
"""The same by the Open Inference Protocol, whose tensors are looked at before their values."""
HEADERS = ((b"content-type", b"application/json"),)


def build_columns(home: Path) -> None:
    """Make a version of housing whose graph has an input per feature."""
    release = Release.model_validate_json((bundle_path(home, "housing", "1") / RELEASE_FILENAME).read_bytes())
    graph = onnx.load(bundle_path(home, "housing", "1") / MODEL_FILENAME)
    names = [feature.name for feature in release.features]
    give_columns(graph, names)
    data = graph.SerializeToString()
    inputs = tuple(Tensor(name=name, dtype="float32", shape=(-1,)) for name in names)
    changes = {
        "version": "2",
        "onnx_sha256": hashlib.sha256(data).hexdigest(),
        "onnx_bytes": len(data),
        "signature": Signature(layout="columns", inputs=inputs, outputs=release.signature.outputs),
        "name": "columns",
    }
    folder = bundle_path(home, "columns", "2")
    folder.mkdir(parents=True)
    (folder / MODEL_FILENAME).write_bytes(data)
    (folder / RELEASE_FILENAME).write_text(release.model_copy(update=changes).model_dump_json())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    home = tmp_path_factory.mktemp("cost")
    build_housing(home)
    build_columns(home)
    write_pointer(home, {"housing": "1", "columns": "2"})
    # Answered where it is asked: the way into a thread is no work by row.
    service = open_service(ServingSettings(home=home, access_log=False, thread_bytes=2**20))
    service.repository.refresh()
    return service


def many_rows() -> list[list[float]]:
    rows = np.tile(np.array(HOUSING_ROW), (ROWS, 1)) * np.random.default_rng(1).uniform(0.9, 1.1, (ROWS, 13))
    rows[:, [3, 8]] = 0, 4
    rows[:, 9] = 320
    listed: list[list[float]] = rows.round(4).tolist()
    return listed


def function_calls(work: Callable[[], Answer]) -> int:
    """Count the calls of functions, of Python and of C, that an answer takes; the second time, when nothing is new."""
    assert work().status == 200
    calls = 0

    def count(_frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def body_of(**content: Any) -> bytes:
    return json.dumps(content).encode()


def receiving(body: bytes) -> Callable[[], Coroutine[Any, Any, Message]]:
    """Return what receives a body that has come."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def request(body: bytes) -> Request:
    """Return a request whose body has come."""
    headers = [*HEADERS, (b"content-length", b"%d" % len(body))]
    return Request({"method": "POST", "path": "/", "headers": headers, "state": {"whole": True}}, receiving(body))


def answer_at_once(answering: Coroutine[Any, Any, Answer]) -> Answer:
    """Return the answer of what waits for nothing, so that no event loop is measured."""
    with pytest.raises(StopIteration) as ended:
        answering.send(None)
    answer: Answer = ended.value.value
    return answer


def matrix(service: Service) -> Callable[[], Answer]:
    body = body_of(data=many_rows())
    return lambda: answer_at_once(answer_predict(service, request(body), "housing"))


def columns(service: Service) -> Callable[[], Answer]:
    body = body_of(data=many_rows())
    return lambda: answer_at_once(answer_predict(service, request(body), "columns"))


def tensors(service: Service) -> Callable[[], Answer]:
    flat = [value for row in many_rows() for value in row]
    body = body_of(inputs=[{"name": "features", "shape": [ROWS, 13], "datatype": "FP32", "data": flat}])
    return lambda: answer_at_once(answer_inference(service, request(body), "housing"))


def tensors_by_column(service: Service) -> Callable[[], Answer]:
    names = [feature.name for feature in service.repository.pick("columns").release.features]
    inputs = [
        {"name": name, "shape": [ROWS], "datatype": "FP32", "data": column}
        for name, column in zip(names, zip(*many_rows(), strict=True), strict=True)
    ]
    body = body_of(inputs=inputs)
    return lambda: answer_at_once(answer_inference(service, request(body), "columns"))


@pytest.mark.parametrize("form", [matrix, columns, tensors, tensors_by_column])
def test_a_thousand_rows_take_no_work_by_row(service: Service, form: Callable[[Service], Callable[[], Answer]]) -> None:
    assert function_calls(form(service)) < ROWS


def test_each_form_has_the_same_answer(service: Service) -> None:
    answers = [form(service)().body for form in (matrix, columns, tensors, tensors_by_column)]
    first, second = (json.loads(body)["predictions"] for body in answers[:2])
    third, fourth = (json.loads(body)["outputs"][0]["data"] for body in answers[2:])

    assert first == second == third == fourth


def test_a_row_has_the_answer_that_it_has_among_others(service: Service) -> None:
    rows = many_rows()[:20]
    for name in ("housing", "columns"):
        model = service.repository.pick(name)
        alone = [model.predict([row]).values[0] for row in rows]

        assert alone == pytest.approx(model.predict(rows).values, rel=1e-6)


def test_a_row_of_tensors_has_the_answer_of_predict(service: Service) -> None:
    for name in ("housing", "columns"):
        model = service.repository.pick(name)
        for row in many_rows()[:20]:
            assert model.predict_columns([[value] for value in row]) == model.predict([row])


def test_threads_that_ask_for_a_row_each_get_their_own(service: Service) -> None:
    model = service.repository.pick("housing")
    rows = many_rows()[:400]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda row: model.predict([row]).values[0], rows))

    assert answers == pytest.approx(model.predict(rows).values, rel=1e-6)


TENSOR = {"name": "features", "shape": [1, 13], "datatype": "FP32", "data": HOUSING_ROW}


@pytest.mark.parametrize(
    ("path", "asked", "most"),
    [
        ("/models/housing/predict", body_of(data=[HOUSING_ROW]), MOST_CALLS),
        ("/v2/models/housing/infer", body_of(inputs=[TENSOR]), MOST_CALLS_V2),
    ],
)
def test_a_row_takes_few_calls(service: Service, path: str, asked: bytes, most: int) -> None:
    app = App(service)
    headers = [*HEADERS, (b"host", b"localhost"), (b"x-api-key", KEY["X-API-KEY"].encode())]
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    def work() -> Answer:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "headers": [*headers, (b"content-length", b"%d" % len(asked))],
            "client": ("127.0.0.1", 1),
            "state": {"whole": True},
        }
        with pytest.raises(StopIteration):
            app(scope, receiving(asked), send).send(None)
        return Answer(sent[-2]["status"], sent[-1]["body"], "")

    assert function_calls(work) < most
