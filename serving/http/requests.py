"""A request as the server hands it on: its head at once, its body when somebody asks for it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from time import monotonic
from typing import Any, TypeAlias

from werkzeug.http import parse_options_header

from molino.contracts.trace_context import Place, read_traceparent
from serving.http.compression import is_packed
from serving.http.exchange import JSON_TYPE, Headers
from serving.http.problems import Problem

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_HOST = re.compile(rb"(?:\[[0-9A-Za-z:._~-]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(?::[0-9]*)?")
_ABSOLUTE = re.compile(r"https?://([^/?#]+)([/?].*)?", re.IGNORECASE | re.DOTALL)
MOST_PIECES, LEAST_PIECE = 16_384, 64
"""A body in more pieces must have so many bytes per piece: each costs as much time as a small request."""
SMALL_BYTES = 64 * 1024
"""A body up to this size is read to its end even where nobody wants it."""
LINGER_SECONDS = 2.0
"""How long a body that nobody wants is read, so that the client comes to read why."""
LINGER_BYTES, PIECE_COST = 2**20, 1024
"""How much of each such body is read; a piece of it counts for some bytes more than it has."""
SPARE_BYTES = 48 * 2**20
"""How much more a worker reads of all of them between two looks at its connections: the whole of a few."""


class Spare:
    """What a worker may still read of bodies that nobody wants, beyond `LINGER_BYTES` of each."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew."""
        self._left = SPARE_BYTES

    def take(self, size: int) -> bool:
        """Tell whether so many bytes were left."""
        self._left -= size
        return self._left >= 0


class Request:
    """One request on its way through the server."""

    __slots__ = (
        "_old",
        "_receive",
        "_state",
        "caller",
        "client",
        "closes",
        "headers",
        "id",
        "method",
        "model",
        "path",
        "pending",
        "prefix",
        "query",
        "scopes",
        "started",
        "trace",
        "version",
    )

    def __init__(self, scope: Scope, receive: Receive) -> None:
        """Look at the head; the body stays where it is."""
        self._receive = receive
        self._state: dict[str, Any] = scope.get("state") or {}
        self._old = scope.get("http_version") == "1.0"
        self.method: str = scope["method"]
        self.path: str = _path_of(scope["path"])
        self.query: bytes = scope.get("query_string", b"")
        """What stands after the path's question mark."""
        self.headers: Headers = _by_name(scope["headers"])
        self.started: float = self._state.get("began") or monotonic()
        """When its first byte came."""
        self.closes: bool = self._state.get("stopping", False)
        """Whether the connection ends with its answer."""
        self.pending = self.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in self.headers
        """Whether there is a body of which something hasn't been read."""
        self.id = ""
        self.caller = ""
        self.client = ""
        """The address that asks, as trusted proxies tell it."""
        self.prefix = ""
        """Under which path the server stands for who asks; `path` is without it."""
        self.scopes: frozenset[str] | None = None
        """What the caller's token allows; none where that is everything."""
        traceparent = self.headers.get(b"traceparent")
        self.trace: Place | None = None if traceparent is None else read_traceparent(traceparent.decode("latin-1"))
        """The caller's span."""
        self.model = ""
        self.version = ""

    def read(self, limit: int, seconds: float) -> Awaitable[bytes]:
        """Return the whole body.

        Args:
            limit: most bytes.
            seconds: how long the whole of it may take, counted from the request's first byte.

        Raises:
            Problem: 408 where it doesn't come in time, 413 where it is too large, 400 where it comes in crumbs.
        """
        length = self.headers.get(b"content-length")
        if length is not None and int(length) > limit:
            raise Problem(413, f"the body is larger than {limit} bytes")
        if not self.pending or self._state.get("whole"):
            return self._read_pieces(limit)
        return self._read_in_time(limit, seconds)

    async def _read_in_time(self, limit: int, seconds: float) -> bytes:
        self._state["reading"] = True
        try:
            async with asyncio.timeout(self.started + seconds - monotonic()):
                return await self._read_pieces(limit)
        except TimeoutError as error:
            raise Problem(408, f"the request was not there within {seconds:g} s") from error
        finally:
            self._state["reading"] = False

    async def _read_pieces(self, limit: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while self.pending:
            message = await self._receive()
            if message["type"] != "http.request":
                raise Problem(408, "the body ended before it was whole")
            piece = message.get("body", b"")
            size += len(piece)
            pieces.append(piece)
            if size > limit:
                raise Problem(413, f"the body is larger than {limit} bytes")
            if len(pieces) > MOST_PIECES and size < len(pieces) * LEAST_PIECE:
                raise Problem(400, f"the body comes in chunks of less than {LEAST_PIECE} bytes; send larger ones")
            self.pending = bool(message.get("more_body"))
        return b"".join(pieces)

    def read_json(self, limit: int, seconds: float, undeclared: bool = False) -> Awaitable[bytes]:
        """Return the body of a request that sends JSON, in gzip where `packed` says so.

        Args:
            limit: most bytes, as they come.
            seconds: as of `read`.
            undeclared: lets one without a content type through.

        Raises:
            Problem: 415 where it isn't declared as JSON in UTF-8, and what `read` raises.
        """
        content_type = self.headers.get(b"content-type", b"")
        if content_type != JSON_TYPE and not (undeclared and not content_type):
            _require_json(content_type)
        return self.read(limit, seconds)

    @property
    def packed(self) -> bool:
        """Whether the body is in gzip.

        Raises:
            Problem: 415 where it is in another coding.
        """
        return is_packed(self.headers.get(b"content-encoding"))

    @property
    def keeps_alive(self) -> bool:
        """Whether the answer is to say that the connection goes on, which clients of HTTP/1.0 wait to be told."""
        return self._old and b"keep-alive" in self.headers.get(b"connection", b"").lower()

    @property
    def goes_on(self) -> bool:
        """Whether the connection can go on after a body that nobody wants: a small one, which is on its way."""
        length = self.headers.get(b"content-length")
        return length is not None and int(length) <= SMALL_BYTES and b"expect" not in self.headers

    def require_form(self, version: str) -> None:
        """Return where the request says which host is meant, and codes its body by chunks alone.

        As HTTP/1.1 wants it (RFC 9112, 3.2 and 6.1); the parser has looked at the rest.

        Raises:
            Problem: 400, and the connection is to end.
        """
        host = self.headers.get(b"host")
        fault = ""
        if host is None and version != "1.0":
            fault = "the request has no Host header"
        elif host is not None and not _HOST.fullmatch(host):
            fault = "the request's Host header names no host"
        elif not self.path.startswith("/") and self.path != "*":
            fault = "the request's target is neither a path nor the address of one"
        elif self.headers.get(b"transfer-encoding", b"chunked").strip().lower() != b"chunked":
            fault = "the request's body comes in another coding than chunked"
        if fault:
            self.closes = True
            raise Problem(400, fault)

    async def end(self) -> None:
        """End the connection where it is to be; a client in the middle of sending gets to read its answer first."""
        if self.pending:
            await self._drop(LINGER_SECONDS)
        self._state["close"] = self.closes or self.pending

    async def _drop(self, seconds: float) -> None:
        dropped = 0
        spare: Spare = self._state.get("spare") or Spare()
        try:
            async with asyncio.timeout(seconds):
                while self.pending:
                    message = await self._receive()
                    if message["type"] != "http.request":
                        return
                    cost = len(message.get("body", b"")) + PIECE_COST
                    dropped += cost
                    if dropped > LINGER_BYTES and not spare.take(cost):
                        return
                    self.pending = bool(message.get("more_body"))
        except TimeoutError:
            return


def _by_name(lines: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Return headers by name; lines of the same name are one, with commas between (RFC 9110, 5.3)."""
    headers = dict(lines)
    if len(headers) < len(lines):
        headers = {}
        for name, value in lines:
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def _path_of(target: str) -> str:
    """Return the path of a target, which may name the host too (RFC 9112, 3.2.2); any other target as it is."""
    if target.startswith("/"):
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not _HOST.fullmatch(absolute[1].encode("latin-1", "replace")):
        return target
    path = absolute[2] or "/"
    return path if path.startswith("/") else f"/{path}"


def media_type(content_type: bytes) -> bytes:
    """Return the type that a `Content-Type` names, in lower case and without parameters."""
    return content_type.partition(b";")[0].strip().lower()


def _require_json(content_type: bytes) -> None:
    if media_type(content_type) != JSON_TYPE:
        raise Problem(415, "the body must be application/json", ((b"accept-post", JSON_TYPE),))
    if b";" not in content_type:
        return
    charset = parse_options_header(content_type.decode("latin-1"))[1].get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(415, "the body must be in UTF-8", ((b"accept-post", JSON_TYPE),))
