"""`GET /ping` and `GET /ready`."""

from serving.http.exchange import Answer, Headers, refuse
from serving.http.problems import Problem
from serving.service import Service


def answer_ping(service: Service, headers: Headers) -> Answer:
    """Tell that the process lives."""
    return Answer(200, b'{"status":"alive"}', service.request_ids.of(headers))


def answer_ready(service: Service, headers: Headers) -> Answer:
    """Tell whether every deployed model is loaded and warm."""
    request_id = service.request_ids.of(headers)
    if not service.repository.ready:
        return refuse(not_ready(), request_id)
    return Answer(200, b'{"status":"ready"}', request_id)


def not_ready() -> Problem:
    """Return the problem of a server that lacks a deployed model."""
    return Problem(503, "a deployed model could not be loaded; see /models", ((b"retry-after", b"5"),))
