"""`GET /ping` and `GET /ready`."""

import msgspec

from serving.http.exchange import Answer
from serving.http.problems import Problem
from serving.http.requests import Request
from serving.service import Service

SHOWN = 20
"""Most names in a detail."""


async def answer_ping(_: Service, request: Request) -> Answer:
    """Tell that the process lives."""
    return Answer(200, b'{"status":"alive"}', request.id)


async def answer_ready(service: Service, request: Request) -> Answer:
    """Tell whether every deployed model is loaded and warm."""
    require_ready(service)
    failing = tell_failing(service)
    return Answer(200, msgspec.json.encode({"status": "ready", **({"detail": failing} if failing else {})}), request.id)


def require_ready(service: Service) -> None:
    """Return where every deployed model is loaded.

    Raises:
        Problem: 503 where one isn't.
    """
    if not service.repository.ready:
        retry = ((b"retry-after", b"5"),)
        raise Problem(503, f"a deployed model could not be loaded: {tell_failing(service)}", retry)


def tell_failing(service: Service) -> str:
    """Return which models fail in any worker; why is only for those with a key."""
    names = [name or "the file that says what is deployed" for name in sorted(service.failures())]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}; see /models" if names else ""
