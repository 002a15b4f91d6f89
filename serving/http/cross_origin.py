"""Scripts of other sites: which may ask, and read what is answered (the Fetch standard, CORS)."""

from collections.abc import Sequence

from starlette.datastructures import Headers as StarletteHeaders
from starlette.middleware.cors import CORSMiddleware

from serving.http.exchange import Answer
from serving.http.requests import Message, Request, Scope, Send

METHODS = ("GET", "HEAD", "POST")
REQUEST_HEADERS = (
    "authorization",
    "content-encoding",
    "content-type",
    "inference-header-content-length",
    "traceparent",
    "tracestate",
    "x-api-key",
    "x-request-id",
)
ANSWER_HEADERS = ("inference-header-content-length", "retry-after", "x-request-id")
KEPT_SECONDS = 600


class CrossOrigin:
    """Answers what browsers ask ahead of another site's request, and lets its script read the answer.

    Starlette's middleware decides; around the whole app it would answer requests that then aren't counted.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        """Let scripts of some origins in, of all for `*`; browsers send no cookies with them."""

        async def nothing(*_: object) -> None: ...

        self._rules = CORSMiddleware(
            nothing,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=ANSWER_HEADERS,
            max_age=KEPT_SECONDS,
        )

    def ask_ahead(self, scope: Scope, request: Request) -> Answer | None:
        """Return the answer to a preflight, which carries no key; none where it is another request."""
        asked = request.headers
        if request.method != "OPTIONS" or b"origin" not in asked or b"access-control-request-method" not in asked:
            return None
        response = self._rules.preflight_response(StarletteHeaders(raw=scope["headers"]))
        told = tuple((name, value) for name, value in response.raw_headers if not name.startswith(b"content-"))
        return Answer(response.status_code, bytes(response.body), request.id, b"text/plain", told)

    def allow(self, scope: Scope, send: Send) -> Send:
        """Return a `send` that says with the answer's head whether the script may read it."""
        headers = StarletteHeaders(raw=scope["headers"])

        async def send_allowing(message: Message) -> None:
            await self._rules.send(message, send, headers)

        return send_allowing
