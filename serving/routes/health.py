"""`GET /ping` and `GET /ready`."""

import msgspec

from serving.http.exchange import Answer, Headers, refuse
from serving.http.problems import Problem
from serving.service import Service

SHOWN = 20
"""Most names in a detail."""


def answer_ping(service: Service, headers: Headers) -> Answer:
    """Tell that the process lives."""
    return Answer(200, b'{"status":"alive"}', service.request_ids.of(headers))


def answer_ready(service: Service, headers: Headers) -> Answer:
    """Tell whether every deployed model is loaded and warm."""
    request_id = service.request_ids.of(headers)
    if not service.repository.ready:
        return refuse(not_ready(service), request_id)
    failing = tell_failing(service)
    return Answer(200, msgspec.json.encode({"status": "ready", **({"detail": failing} if failing else {})}), request_id)


def not_ready(service: Service) -> Problem:
    """Return the problem of a server that lacks a deployed model."""
    return Problem(503, f"a deployed model could not be loaded: {tell_failing(service)}", ((b"retry-after", b"5"),))


def tell_failing(service: Service) -> str:
    """Return which models fail in any worker; why is only for those with a key."""
    names = [name or "the file that says what is deployed" for name in sorted(service.failures())]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}; see /models" if names else ""
