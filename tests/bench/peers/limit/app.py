"""The limit: constant bytes, as a bare ASGI and a bare WSGI app."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

BODY = b'{"predictions": [24.0]}'
LENGTH = str(len(BODY))


async def asgi(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[..., Awaitable[None]]
) -> None:
    """Answer without looking at the body, which is read: Gunicorn closes a connection where some is left."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", LENGTH.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer without looking at the request."""
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", LENGTH)])
    return [BODY]
