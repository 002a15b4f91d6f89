"""The ASGI app: a request goes from its head over the key, the body and the model to its answer."""

from collections.abc import Iterable, Mapping
from functools import partial
from time import monotonic
from typing import Any

import structlog
from a2wsgi import WSGIMiddleware
from flask import Flask
from werkzeug.exceptions import HTTPException

from serving.auth.callers import KeysOnTheWay
from serving.http.cross_origin import CrossOrigin
from serving.http.exchange import Answer, refuse
from serving.http.problems import Problem
from serving.http.proxies import path_below
from serving.http.requests import Message, Receive, Request, Scope, Send
from serving.http.routing import Match, Route, Router
from serving.pages import show_problem, wants_page
from serving.routes.table import open_routes
from serving.service import Service

FLASK_THREADS = 4
NOT_MODIFIED = 304
ALL = "GET, HEAD, OPTIONS, POST"
"""What may be asked of the server as a whole."""
NOTHING = "there is nothing here; see /docs"
UNMATCHED = "unmatched"
"""What requests of no route are counted under."""


class App:
    """Answers every request; no other part of the server speaks ASGI."""

    def __init__(self, service: Service) -> None:
        routes = open_routes(service.settings)
        self.service = service
        self._router = Router(routes)
        origins = service.settings.cors_origins
        self._cross_origin = CrossOrigin(origins) if origins else None
        self._pages = make_flask(service, routes)
        self._flask: Any = WSGIMiddleware(self._pages, workers=FLASK_THREADS)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, count it and log it."""
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        request = Request(scope, receive)
        request.id = self.service.request_ids.of(request.headers)
        request.client, request.prefix = self.service.proxies.look_at(scope)
        request.path = path_below(request.prefix, request.path)
        if request.trace is None:
            await self._respond(scope, request, send)
            return
        with structlog.contextvars.bound_contextvars(trace_id=request.trace.trace_id, span_id=request.trace.span_id):
            await self._respond(scope, request, send)

    async def _respond(self, scope: Scope, request: Request, send: Send) -> None:
        match = self._router.find(request.path)
        route = match.find(request.method) if match else None
        try:
            answer = await self._answer(scope, request, match, route)
            if len(answer.body) >= self.service.settings.gzip_bytes:
                await self.service.pack(request, answer)
        except Problem as problem:
            answer = self._refuse(problem, request)
        except Exception:
            served = {"model": request.model, "version": request.version} if request.model else {}
            structlog.get_logger().exception("a request failed", request_id=request.id, **served)
            answer = self._refuse(Problem(500, "the server failed; its log has the request id"), request)
        if request.pending:
            request.closes = request.closes or not request.goes_on
        name = route.path if route else UNMATCHED
        seconds = monotonic() - request.started
        self.service.finish(name, request.method, request.path, answer, seconds, request.client, request.trace)
        if self._cross_origin is not None:
            send = self._cross_origin.allow(scope, send)
        await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer, request)})
        await send({"type": "http.response.body", "body": answer.body if request.method != "HEAD" else b""})
        if request.closes or request.pending:
            await request.end()

    async def _answer(self, scope: Scope, request: Request, match: Match | None, route: Route | None) -> Answer:
        request.require_form(scope["http_version"])
        asked_ahead = self._cross_origin.ask_ahead(scope, request) if self._cross_origin else None
        if asked_ahead is not None:
            return asked_ahead
        if match is None and wants_page(request.method, request.headers):
            raise Problem(404, NOTHING)  # A browser has no key for the address line.
        if route is None or not route.public:
            try:
                self.service.admit(request)
            except KeysOnTheWay as on_the_way:
                await self.service.wait_for_keys(on_the_way)
                self.service.admit(request)
        if request.method == "OPTIONS" and request.path == "*":
            return Answer(200, b"", request.id, headers=((b"allow", ALL.encode()),), caller=request.caller)
        if match is None:
            raise Problem(404, NOTHING)
        if route is None:
            allowed = ((b"allow", match.methods.encode()),)
            if request.method == "OPTIONS":
                return Answer(200, b"", request.id, headers=allowed, caller=request.caller)
            raise Problem(405, f"the route takes {match.methods}", allowed)
        if route.answer is not None:
            answer: Answer = await route.answer(self.service, request, **match.parameters)
            return answer
        return await self._ask_flask(scope, request)

    def _refuse(self, problem: Problem, request: Request) -> Answer:
        """Return what tells of a problem: to browsers a page."""
        problem.error_key = request.path.startswith("/v2")
        answer = refuse(problem, request.id, request.model, request.version, request.caller)
        if wants_page(request.method, request.headers):
            with self._pages.app_context():
                page = show_problem(problem, request.prefix, request.id)
            answer.body = page.get_data()
            answer.content_type, told = _split([(k.lower().encode(), v.encode()) for k, v in page.headers])
            answer.headers = (*answer.headers, *told)
        return answer

    async def _ask_flask(self, scope: Scope, request: Request) -> Answer:
        """Have a view answer in a thread; its answer is whole before the client gets any of it.

        So no thread waits for a client. Views take no body.
        """
        answer = Answer(500, b"", request.id, caller=request.caller)
        pieces: list[bytes] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.content_type, answer.headers = _split(message["headers"])
            else:
                pieces.append(message.get("body", b""))

        # HEAD, queries and bodies are no business of a view: it sees a plain GET.
        head = {
            "method": "GET",
            "path": request.prefix + request.path,
            "root_path": request.prefix,
            "query_string": b"",
            "headers": _for_flask(scope["headers"]),
        }
        await self._flask({**scope, **head}, receive, send)
        answer.body = b"".join(pieces)
        return answer


def make_flask(service: Service, routes: Iterable[Route]) -> Flask:
    """Return the Flask app of the routes that have a view."""
    app = Flask("serving.pages", static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # The router says what there is; a redirect would name the host that was asked.
    for route in routes:
        if route.view is not None:
            rule = route.path.replace("{filename:path}", "<path:filename>").replace("{", "<").replace("}", ">")
            app.add_url_rule(rule, rule, partial(route.view, service), methods=[route.method])

    @app.errorhandler(HTTPException)
    def refuse_request(error: HTTPException) -> Any:
        raise Problem(error.code or 500, error.description or error.name)

    return app


def _headers(answer: Answer, request: Request) -> list[tuple[bytes, bytes]]:
    headers = [(b"x-request-id", answer.request_id.encode()), *answer.headers]
    if answer.status == NOT_MODIFIED:
        headers.append((b"vary", b"accept-encoding"))  # Type and length would be those of the file that isn't sent.
    else:
        headers += [(b"content-type", answer.content_type), (b"content-length", b"%d" % len(answer.body))]
    if request.closes:
        headers.append((b"connection", b"close"))
    elif request.keeps_alive:
        headers.append((b"connection", b"keep-alive"))
    return headers


def _split(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """Return the content type, and the other headers but the length, which follows from the body."""
    told: Mapping[bytes, bytes] = dict(headers)
    others = tuple(pair for pair in told.items() if pair[0] not in (b"content-type", b"content-length"))
    return told.get(b"content-type", b"text/plain"), others


def _for_flask(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Leave out what speaks of a body, and names with an underscore, which could pass for another header's name."""
    kept_out = (b"content-length", b"transfer-encoding", b"content-type")
    return [(name, value) for name, value in headers if b"_" not in name and name not in kept_out]
