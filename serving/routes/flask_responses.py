"""Between Flask's requests and responses and the functions that answer, which know no server."""

from collections.abc import Iterable

from flask import Response, g, request

from serving.http.exchange import Answer, Headers
from serving.service import Service


def read_headers(pairs: Iterable[tuple[str, str]]) -> Headers:
    """Return request headers by lower-case name, as bytes."""
    return {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in pairs}


def respond(answer: Answer) -> Response:
    """Return an answer as Flask's response."""
    response = Response(answer.body, answer.status, content_type=answer.content_type.decode())
    for name, value in answer.headers:
        response.headers[name.decode()] = value.decode()
    response.headers["X-Request-ID"] = answer.request_id
    g.answer = answer
    return response


def read_body(service: Service) -> bytes | None:
    """Return the body of the current request, or none where it is larger than the server takes."""
    length = request.content_length
    if length is not None and length > service.settings.max_body_bytes:
        return None
    return request.get_data(cache=False)
