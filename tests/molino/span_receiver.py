"""A server that takes spans by OTLP over HTTP, in JSON, and keeps them."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from listening import Listening

from molino.contracts.address import Address


class SpanReceiver(Listening, ThreadingHTTPServer):
    """Listens while it is the context, and answers with `status`."""

    status = 200
    paths: tuple[str, ...] = ("/v1/traces",)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []

    @property
    def address(self) -> Address:
        return Address(f"http://127.0.0.1:{self.port}")

    @property
    def spans(self) -> list[dict[str, Any]]:
        return [span for told in self.requests for span in _spans(told)]


class _Handler(BaseHTTPRequestHandler):
    server: SpanReceiver

    def do_POST(self) -> None:
        assert self.path in self.server.paths
        self.server.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Leave the test's stderr to the test."""


def _spans(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [span for one in told.get("resourceSpans", ()) for scope in one["scopeSpans"] for span in scope["spans"]]


def attributes(told: dict[str, Any]) -> dict[str, Any]:
    """Return a span's or a resource's attributes by name."""
    return {one["key"]: next(iter(one["value"].values())) for one in told["attributes"]}
