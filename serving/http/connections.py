"""Connections of one worker: how many there may be, and how long a client may take.

Gunicorn's protocol frames requests, answers those that come pipelined, and stops reading and writing where the other
side is slower. It has no limit on connections, none on the time that a first head takes, and closes a connection only
once everything is written, which a client that stops reading never lets happen. These limits are added here, by the
callbacks that asyncio has for it.
"""

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from time import monotonic
from typing import Any

import structlog
from gunicorn.asgi.protocol import ASGIProtocol

from molino.contracts.loopback import unmapped
from serving.http.exchange import Answer, refuse
from serving.http.problems import Problem
from serving.http.requests import Receive, Scope, Send, Spare

SEND_SECONDS = 20.0
"""How long a client may leave its answers unread once the buffers are full."""
LINGER_SECONDS = 1.0
"""When the server stops: how long it waits for a client that sends or reads nothing."""
SPARE_FILES = 64
"""Files that a process needs beside its connections."""
PIECE_BYTES = 65536
"""What a parser of Gunicorn holds behind a request; more is cut off, and the connection ends."""
WARN_SECONDS = 10.0
EXPLAINED = {
    414: "the request line is too long",
    431: "the request's headers are too large",
    500: "the server failed",
}
CLIENTS_FAULT = {501: 400, 505: 400}
"""What Gunicorn lays to the server is the client's fault: a coding or a version that HTTP/1.1 doesn't know."""


# Gunicorn looks for its parser in C once, and keeps what it found with the class that asked first.
ASGIProtocol._check_h1c_protocol_available()


class Connection(ASGIProtocol):  # type: ignore[misc]
    """Gunicorn's protocol, and what is known of when its client last did something."""

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self._asgi: Callable[[Scope, Receive, Send], Any] = worker.asgi
        self.app = self._call
        self.active = monotonic()
        """When the client last sent something, or got an answer."""
        self.began: float | None = None
        """When the first byte of the request came that is being read or answered."""
        self.busy = False
        """Whether a whole head has come, and its answer isn't written yet."""
        self.stalled: float | None = None
        """Since when the client leaves its answers unread."""
        self.closing: float | None = None
        """Since when nothing but what is unwritten keeps it open."""
        self._state: dict[str, Any] = {}
        self._held = bytearray()
        """What came behind the request that is being answered."""

    @property
    def reading(self) -> bool:
        """Whether a body is waited for."""
        return bool(self._state.get("reading"))

    def connection_made(self, transport: Any) -> None:
        """Begin, where there is room."""
        super().connection_made(transport)
        self.worker.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.worker.connections.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; what comes while a request is answered waits, and beyond a bound isn't read."""
        self._touch()
        if self.began is None:
            self.began = self.active
            data = _without_blank_lines(data)
        if self._websocket:
            super().data_received(data)
        elif self._callback_parser.is_complete:
            self._held += data
        else:
            self._feed(data)
        if len(self._held) > PIECE_BYTES or self._is_buffer_full():
            self._pause_reading()

    def _feed(self, data: bytes) -> bool:
        """Parse up to the end of a request, and hold what is behind it; tell whether the connection goes on.

        The parser gets pieces, because it holds no more than that behind a request.
        """
        if data and not super()._feed_callback_parser(data[:PIECE_BYTES]):
            return False
        if len(data) > PIECE_BYTES:
            self._held[:0] = data[PIECE_BYTES:]
        while self._held and not self._callback_parser.is_complete:
            piece = bytes(self._held[:PIECE_BYTES])
            del self._held[:PIECE_BYTES]
            if not super()._feed_callback_parser(piece):
                return False
        return True

    def _feed_callback_parser(self, data: bytes) -> bool:
        """Go on with the next request, which was held behind the one before."""
        return self._feed(_without_blank_lines(data))

    def _resume_reading(self) -> None:
        """Go on reading, where the client reads its answers and what it sent is used up.

        Gunicorn calls this before it asks the parser for what is behind a request.
        """
        parser = self._callback_parser
        if self._held and parser is not None and parser.is_complete and not parser.remaining():
            parser.feed(bytes(self._held[:PIECE_BYTES]))
            del self._held[:PIECE_BYTES]
        if len(self._held) <= PIECE_BYTES and self.stalled is None:
            super()._resume_reading()

    def pause_writing(self) -> None:
        """Remember when the client stopped reading, and read no more of it."""
        self.stalled = monotonic()
        super().pause_writing()
        self._pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self.stalled = None
        super().resume_writing()
        self._resume_reading()

    def abort(self) -> None:
        """End at once, whatever is unwritten."""
        if self.transport is not None:
            self.transport.abort()

    async def _serve_http_request(self, request: Any, sockname: Any, peername: Any) -> bool:
        """Answer in the connection's own task; Gunicorn makes one for apps that go on behind their answer.

        Requests that came together take turns with those of other connections.
        """
        parser = self._callback_parser
        if self._held or (parser.is_complete and parser.remaining()):
            await asyncio.sleep(0)
        keeps: bool = await self._handle_http_request(request, sockname, peername)
        return keeps

    def _arm_keepalive_timer(self) -> None:
        """Set no timer per request: `Connections.sweep` ends idle connections."""

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.busy = True
        state = self._state = scope.setdefault("state", {})
        state["began"] = monotonic() if self.began is None else self.began
        state["stopping"] = self.worker.stopping
        state["spare"] = self.worker.connections.spare
        state["whole"] = self._body_receiver._complete
        try:
            await self._asgi(scope, receive, send)
        finally:
            if state.get("close"):
                self._close_transport()
            self.busy = False
            self.began = None
            self._touch()

    def _touch(self) -> None:
        """Remember that the client did something now, or got an answer."""
        self.active = monotonic()
        self.worker.connections.touch(self)

    def refuse(self, problem: Problem) -> None:
        """Say what can't be read as a request, count it, and close: where the next one begins is not known."""
        if self._closed or self.transport is None or self.transport.is_closing():
            return
        service = self.worker.service
        answer = refuse(problem, service.request_ids.of({}))
        self.transport.write(_encode(answer))
        self._close_transport()
        peer = self.transport.get_extra_info("peername")
        service.finish("malformed", "other", "", answer, 0.0, unmapped(peer[0]) if isinstance(peer, tuple) else "")

    def _close_transport(self) -> None:
        """Remember since when the connection is to end: a client that doesn't read would keep it for ever."""
        if self.closing is None:
            self.closing = monotonic()
        super()._close_transport()

    def _send_error_response(self, status: int, message: str, _: object = ()) -> None:
        """Say as a problem what Gunicorn would say in plain text; a coding that is not known is the client's fault."""
        known = CLIENTS_FAULT.get(status, status)
        self.refuse(Problem(known, EXPLAINED.get(known) or f"the request is not HTTP/1.1: {message[:200]}"))


class Connections:
    """All connections of a worker, the one that has been quiet for longest first."""

    def __init__(self, most: int, keepalive: float, head_seconds: float, request_seconds: float) -> None:
        self._most = most
        self._keepalive = keepalive
        self._head_seconds = head_seconds
        self._request_seconds = request_seconds
        self.spare = Spare()
        self._all: dict[Connection, None] = {}
        self._warned = -WARN_SECONDS

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: Connection) -> None:
        """Take a connection in; where there are too many, the one that has been idle for longest makes room."""
        self._all[connection] = None
        if len(self._all) <= self._most:
            return
        victim = next((other for other in self._all if not other.busy), connection)
        self.discard(victim)
        victim.abort()
        if monotonic() - self._warned >= WARN_SECONDS:
            self._warned = monotonic()
            structlog.get_logger().warning("too many connections: idle ones make room", most=self._most)

    def discard(self, connection: Connection) -> None:
        """Let a connection go."""
        self._all.pop(connection, None)

    def touch(self, connection: Connection) -> None:
        """Put a connection behind the others: it is the last to make room."""
        if self._all.pop(connection, self) is None:
            self._all[connection] = None

    def sweep(self) -> None:
        """End the connections whose client takes too long; what may be read of unwanted bodies is counted anew."""
        self.spare.renew()
        now = monotonic()
        for connection in list(self._all):
            began = connection.began
            stuck = connection.stalled if connection.closing is None else connection.closing
            if stuck is not None:
                if now - stuck > SEND_SECONDS:
                    connection.abort()
            elif connection.busy:
                # A body that doesn't come in time is refused in words; this is for answers.
                if began is not None and now - began > self._request_seconds + SEND_SECONDS:
                    connection.abort()
            elif began is not None:
                if now - began > self._head_seconds:
                    connection.refuse(Problem(408, f"no whole head came within {self._head_seconds:g} s"))
            elif now - connection.active > self._keepalive:
                connection.abort()

    def sweep_out(self) -> None:
        """End the connections that a stopping server doesn't wait for: idle ones, and clients that do nothing."""
        now = monotonic()
        for connection in list(self._all):
            quiet = now - connection.active > LINGER_SECONDS
            stalled = connection.stalled is not None and now - connection.stalled > LINGER_SECONDS
            if stalled or (quiet and (connection.reading or not connection.busy)):
                connection.abort()

    def abort(self) -> None:
        """End all."""
        for connection in list(self._all):
            connection.abort()


def _encode(answer: Answer) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\nx-request-id: {answer.request_id}\r\n"
        f"content-type: {answer.content_type.decode()}\r\ncontent-length: {len(answer.body)}\r\n"
        f"date: {formatdate(usegmt=True)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + answer.body


def _without_blank_lines(data: bytes) -> bytes:
    """Return what comes after blank lines ahead of a request, which are passed over (RFC 9112, 2.2)."""
    while data.startswith(b"\r\n"):
        data = data[2:]
    return data
