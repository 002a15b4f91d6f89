"""The fast lane: an ASGI app that answers predictions on the event loop, and hands every other route to Flask.

Predictions take microseconds, so a thread switch would cost more than the work; bodies large enough to hold up the loop
are answered in a thread. Both ways, and the Flask route, call `serving.predict.answer_predict`.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from serving.exchange import Answer
from serving.predict import answer_predict
from serving.service import Service

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

MODEL_PREFIX = "/models/"
PREDICT_SUFFIX = "/predict"
PREDICT_MODEL_ROUTE = "/models/{name}/predict"
DRAINED = 8
"""A body over the limit is read and dropped up to this many times the limit, so that the client gets to read why."""


class DisconnectError(Exception):
    """The client went away before its body was whole."""


class Lane:
    """Answers `POST /predict` and `POST /models/<name>/predict` itself."""

    def __init__(self, service: Service, rest: Application) -> None:
        self._service = service
        self._rest = rest
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="predict")
        self._limit = service.settings.max_body_bytes
        self._thread_bytes = service.settings.thread_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if scope["type"] == "http" and scope["method"] == "POST":
            if path == PREDICT_SUFFIX:
                return await self._predict(None, scope, receive, send)
            if path.startswith(MODEL_PREFIX) and path.endswith(PREDICT_SUFFIX):
                name = path[len(MODEL_PREFIX) : -len(PREDICT_SUFFIX)]
                if name and "/" not in name:
                    return await self._predict(name, scope, receive, send)
        return await self._rest(scope, receive, send)

    async def _predict(self, name: str | None, scope: Message, receive: Receive, send: Send) -> None:
        started = perf_counter()
        headers = dict(scope["headers"])
        try:
            body = await read_body(receive, self._limit)
        except DisconnectError:
            return
        if body is not None and len(body) > self._thread_bytes:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, answer_predict, self._service, name, headers, body)
        else:
            answer = answer_predict(self._service, name, headers, body)
        route = PREDICT_SUFFIX if name is None else PREDICT_MODEL_ROUTE
        self._service.finish(route, "POST", scope["path"], answer, perf_counter() - started)
        await send_answer(answer, send)


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """Return a whole body, or none where it is larger than the limit.

    Raises:
        DisconnectError: the client went away, or sent less than it announced.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        return body if len(body) <= limit else None
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise DisconnectError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > DRAINED * limit:
            return None
        if not message.get("more_body"):
            return b"".join(chunks) if size <= limit else None
        message = await receive()


async def send_answer(answer: Answer, send: Send) -> None:
    """Send an answer in one piece."""
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-request-id", answer.request_id.encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
