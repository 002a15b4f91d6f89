"""One HTTP/1.1 connection on the event loop, around Gunicorn's parser.

Gunicorn's own ASGI protocol drops what a client sends before the answer to its last request is finished (its parser
clears it), and takes a task and several messages per request. Here a request is answered where it is read, and what
came after it is kept.
"""

import asyncio
from time import perf_counter
from typing import Any

from gunicorn.asgi.parser import LimitRequestHeaders, LimitRequestLine, ParseError, PythonProtocol

from serving.connection.bridge import Endpoint
from serving.connection.dispatcher import Dispatcher
from serving.connection.wire import encode_answer
from serving.http.exchange import refuse
from serving.http.problems import Problem
from serving.routes.table import Request, Route

MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers together."""
DRAINED = 8
"""A body over the limit is read and dropped up to this many times the limit, so that the client gets to read why."""
CLOSE = b"connection: close\r\n"
KEEP_ALIVE = b"connection: keep-alive\r\n"


class Connection(asyncio.Protocol):
    """Reads requests, one after the other, and writes their answers."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._transport: Any = None
        self._parser: Any = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._head_bytes = 0
        self._in_head = True
        self._waiting = bytearray()
        self.busy = False
        """Whether an answer is being made in a thread."""
        self.active = 0.0
        """Loop time of the last byte read or answer written."""

    @property
    def idle(self) -> bool:
        """Whether no request has begun."""
        return not self.busy and self._in_head and self._head_bytes == 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self.active = self._dispatcher.loop.time()
        self._parser = PythonProtocol(
            on_headers_complete=self._on_headers,
            on_body=self._on_body,
            limit_request_line=self._dispatcher.limits.line,
            limit_request_fields=self._dispatcher.limits.fields,
            limit_request_field_size=self._dispatcher.limits.field_size,
        )
        self._dispatcher.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        """End; an answer that is being made is dropped."""
        self._dispatcher.connections.discard(self)
        self._transport = None

    def pause_writing(self) -> None:
        """Read no more requests while the client doesn't read the answers."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        if self._transport is not None and not self.busy:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self.active = self._dispatcher.loop.time()
        if self.busy:
            self._waiting += data
            return
        self._feed(data)

    def close(self) -> None:
        """Close once everything is written."""
        if self._transport is not None:
            self._transport.close()

    def _feed(self, data: bytes) -> None:
        parser = self._parser
        while self._transport is not None and not self.busy:
            if self._in_head:
                self._head_bytes += len(data)
            try:
                parser.feed(data)
            except ParseError as error:
                return self._refuse(_explain(error))
            if not parser.is_complete:
                if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
                    self._refuse(Problem(431, "the request's headers are too large"))
                return None
            data = parser.remaining()
            self._dispatch()
            parser.reset()
            self._chunks, self._size, self._head_bytes, self._in_head = [], 0, 0, True
            if not data or self._transport.is_closing():
                return None
        self._waiting += data
        return None

    def _on_headers(self) -> bool:
        self._in_head = False
        parser = self._parser
        length = parser.content_length
        if length is not None and not dict(parser.headers)[b"content-length"].isdigit():
            raise ParseError("Invalid Content-Length value")
        if (length or parser.is_chunked) and dict(parser.headers).get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return False

    def _on_body(self, chunk: bytes) -> None:
        self._size += len(chunk)
        limit = self._dispatcher.max_body
        if self._size <= limit:
            self._chunks.append(chunk)
        else:
            self._chunks = []
            if self._size > DRAINED * limit:
                raise ParseError("the body is too large")

    def _dispatch(self) -> None:
        started = perf_counter()
        parser = self._parser
        chunks = self._chunks
        body: bytes | None = None
        if self._size <= self._dispatcher.max_body:
            body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        request = Request(parser.method, parser.path, dict(parser.headers), body)
        keep = parser.should_keep_alive and not self._dispatcher.stopping
        closing = b"" if keep and parser.http_version == (1, 1) else KEEP_ALIVE if keep else CLOSE
        route = self._dispatcher.route_table.find(request.method, request.target)
        if route is None or (body is not None and len(body) > self._dispatcher.thread_bytes):
            self.busy = True
            self._transport.pause_reading()
            self._dispatcher.answer_in_thread(self, route, request, started, closing, keep)
        else:
            self._answer(route, request, started, closing, keep)

    def _answer(self, route: Route, request: Request, started: float, closing: bytes, keep: bool) -> None:
        dispatcher = self._dispatcher
        answer = route.answer(dispatcher.service, request.headers, request.body)
        self._transport.write(encode_answer(answer, dispatcher.clock.line(), closing))
        dispatcher.count(route.name, request, answer, perf_counter() - started)
        if not keep:
            self.close()

    def finish(self, data: bytes, keep: bool) -> None:
        """Write an answer that was made in a thread, and go on with what came meanwhile."""
        self.busy = False
        if self._transport is None:
            return
        self.active = self._dispatcher.loop.time()
        self._transport.write(data)
        if not keep:
            self.close()
            return
        self._transport.resume_reading()
        if self._waiting:
            waiting, self._waiting = bytes(self._waiting), bytearray()
            self._feed(waiting)

    def endpoint(self) -> Endpoint:
        """Return both ends."""
        server = self._transport.get_extra_info("sockname") or ("", 0)
        client = self._transport.get_extra_info("peername") or ("", 0)
        return Endpoint((server[0], server[1]), (client[0], client[1]))

    def _refuse(self, problem: Problem) -> None:
        """Answer what can't be read as a request, and close: where the next one begins is not known."""
        service = self._dispatcher.service
        answer = refuse(problem, service.request_ids.of({}))
        self._transport.write(encode_answer(answer, self._dispatcher.clock.line(), CLOSE))
        service.finish("malformed", "other", "", answer, 0.0)
        self.close()


def _explain(error: Exception) -> Problem:
    if isinstance(error, LimitRequestLine):
        return Problem(414, "the request line is too long")
    if isinstance(error, LimitRequestHeaders):
        return Problem(431, "the request's headers are too large")
    if str(error) == "the body is too large":
        return Problem(413, str(error))
    return Problem(400, f"the request is not HTTP/1.1: {str(error)[:200]}")
