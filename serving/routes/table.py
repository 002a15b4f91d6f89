"""Which way a request is answered: on the event loop, in a thread, or by Flask in a thread.

Predictions take microseconds, so a thread switch would cost more than the work; bodies large enough to hold up the loop
are answered in a thread, and so is every route of Flask. Whichever way, the same functions answer.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

from serving.http.exchange import Answer, Headers
from serving.routes.health import answer_ping, answer_ready
from serving.routes.inference import answer_inference
from serving.routes.predict import answer_predict
from serving.service import Service

Answering = Callable[[Service, Headers, "bytes | None"], Answer]


class Request(NamedTuple):
    """A whole request."""

    method: bytes
    target: bytes
    """Path and query, as they came."""
    headers: Headers
    body: bytes | None
    """None where it was larger than the server takes."""


class Route(NamedTuple):
    """A route that doesn't need Flask."""

    name: str
    answer: Answering


PREDICT = Route("/predict", lambda service, headers, body: answer_predict(service, None, headers, body))
PING = Route("/ping", lambda service, headers, _: answer_ping(service, headers))
READY = Route("/ready", lambda service, headers, _: answer_ready(service, headers))
MOST_ROUTES = 1024


class RouteTable:
    """Finds the routes that are answered without Flask."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._routes: dict[tuple[bytes, bytes], Route | None] = {
            (b"POST", b"/predict"): PREDICT,
            (b"GET", b"/ping"): PING,
            (b"GET", b"/ready"): READY,
        }

    def find(self, method: bytes, target: bytes) -> Route | None:
        """Return the route of a request, or none where it is one of Flask's."""
        try:
            return self._routes[method, target]
        except KeyError:
            route = _parse(target) if method == b"POST" else None
            if route is not None and len(self._routes) < MOST_ROUTES:
                self._routes[method, target] = route
            return route


def _parse(target: bytes) -> Route | None:
    parts = target.split(b"/")
    match parts:
        case [b"", b"models", name, b"predict"] if _plain(name):
            return Route("/models/{name}/predict", _predict(name.decode()))
        case [b"", b"v2", b"models", name, b"infer"] if _plain(name):
            return Route("/v2/models/{name}/infer", _infer(name.decode()))
    return None


def _plain(name: bytes) -> bool:
    """Tell whether a name is written without escapes; others are left to Flask."""
    return name.replace(b"-", b"").isalnum()


def _predict(name: str) -> Answering:
    return lambda service, headers, body: answer_predict(service, name, headers, body)


def _infer(name: str) -> Answering:
    return functools.partial(_answer_inference, name)


def _answer_inference(name: str, service: Service, headers: Headers, body: bytes | None) -> Answer:
    return answer_inference(service, name, None, headers, body)
