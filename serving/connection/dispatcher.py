"""What the connections of one process share: where requests go, and the threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Protocol

import structlog

from serving.connection.bridge import Endpoint, WsgiApp, call
from serving.connection.wire import Clock, encode_answer, encode_response
from serving.http.exchange import Answer, refuse
from serving.http.problems import Problem
from serving.routes.table import Request, Route, RouteTable
from serving.service import Service

PREDICT_THREADS = 2
FLASK_THREADS = 4


@dataclass(frozen=True)
class HeadLimits:
    """Most bytes of the request line, header fields, and bytes of a field."""

    line: int = 8190
    fields: int = 100
    field_size: int = 8190


class Client(Protocol):
    """A connection as the dispatcher sees it."""

    active: float

    @property
    def idle(self) -> bool:
        """Whether no request has begun."""

    def close(self) -> None:
        """Close once everything is written."""

    def endpoint(self) -> Endpoint:
        """Return both ends."""

    def finish(self, data: bytes, keep: bool) -> None:
        """Write an answer that was made in a thread."""


class Dispatcher:
    """Answers requests by route, on the loop or in a thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, service: Service, app: WsgiApp) -> None:
        self.loop = loop
        self.service = service
        self.route_table = RouteTable(service)
        self.clock = Clock()
        self.limits = HeadLimits()
        self.max_body = service.settings.max_body_bytes
        self.thread_bytes = service.settings.thread_bytes
        self.connections: set[Client] = set()
        self.stopping = False
        self._app = app
        self._predictions = ThreadPoolExecutor(PREDICT_THREADS, "predict")
        self._flask = ThreadPoolExecutor(FLASK_THREADS, "flask")

    def answer_in_thread(
        self, client: Client, route: Route | None, request: Request, started: float, closing: bytes, keep: bool
    ) -> None:
        """Have a request answered in a thread, and its client told."""
        work: Callable[[], bytes]
        if route is None:
            pool, work = self._flask, partial(self._ask_flask, request, client.endpoint(), closing)
        else:
            pool, work = self._predictions, partial(self._ask_route, route, request, started, closing)
        future = self.loop.run_in_executor(pool, work)
        future.add_done_callback(lambda done: client.finish(done.result(), keep))

    def sweep(self, now: float, idle_seconds: float, request_seconds: float) -> None:
        """Close connections that have been idle, or in the middle of a request, for too long."""
        for client in list(self.connections):
            quiet = now - client.active
            if quiet > (idle_seconds if client.idle else request_seconds):
                client.close()

    def _ask_route(self, route: Route, request: Request, started: float, closing: bytes) -> bytes:
        answer = route.answer(self.service, request.headers, request.body)
        self.count(route.name, request, answer, perf_counter() - started)
        return encode_answer(answer, self.clock.line(), closing)

    def count(self, route: str, request: Request, answer: Answer, seconds: float) -> None:
        """Count and log an answered request."""
        self.service.finish(route, request.method.decode("latin-1"), request.target.decode("latin-1"), answer, seconds)

    def _ask_flask(self, request: Request, endpoint: Endpoint, closing: bytes) -> bytes:
        try:
            status, headers, body = call(self._app, request, endpoint, self.max_body)
        except Exception:
            structlog.get_logger().exception("a request failed")
            answer = refuse(Problem(500, "the server failed"), self.service.request_ids.of(request.headers))
            self.count("unmatched", request, answer, 0.0)
            return encode_answer(answer, self.clock.line(), closing)
        return encode_response(status, headers, body, self.clock.line(), closing)
