"""Calls a WSGI app with a whole request, and gathers its whole answer."""

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from serving.routes.table import Request

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class WsgiAnswer(NamedTuple):
    """What the app answered."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Endpoint(NamedTuple):
    """Both ends of a connection."""

    server: tuple[str, int]
    client: tuple[str, int]


def call(app: WsgiApp, request: Request, endpoint: Endpoint, max_body: int) -> WsgiAnswer:
    """Call the app in this thread.

    A body that was too large is not handed on; its length alone makes the app refuse it.
    """
    started: list[Any] = []

    def start_response(status: str, headers: Sequence[tuple[str, str]], _: Any = None) -> Callable[[bytes], object]:
        started[:] = [int(status[:3]), headers]
        return written.append

    written: list[bytes] = []
    answer = app(_environ(request, endpoint, max_body), start_response)
    try:
        written.extend(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    return WsgiAnswer(started[0], started[1], b"".join(written))


def _environ(request: Request, endpoint: Endpoint, max_body: int) -> dict[str, Any]:
    path, _, query = request.target.partition(b"?")
    if b"://" in path and not path.startswith(b"/"):
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    body = request.body
    return {
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": endpoint.server[0],
        "SERVER_PORT": str(endpoint.server[1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": endpoint.client[0],
        "REMOTE_PORT": str(endpoint.client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **_header_variables(request),
        "CONTENT_LENGTH": str(max_body + 1 if body is None else len(body)),
    }


def _header_variables(request: Request) -> dict[str, str]:
    """Leave out names with an underscore, which could pass for another header's name."""
    variables = {
        "HTTP_" + name.decode("latin-1").upper().replace("-", "_"): value.decode("latin-1")
        for name, value in request.headers.items()
        if b"_" not in name and name not in (b"content-type", b"content-length", b"transfer-encoding")
    }
    if b"content-type" in request.headers:
        variables["CONTENT_TYPE"] = request.headers[b"content-type"].decode("latin-1")
    return variables
