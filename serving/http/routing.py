"""Routes: which function answers a path and method. The app, the contract and the metrics' labels are made of them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Answering = Callable[..., Awaitable[Any]]
"""Called with the service, the request and what the path names; answers on the event loop."""
View = Callable[..., Any]
"""Called with the service and what the path names; answers by Flask, in a thread."""
MOST_FOUND = 1024
"""Paths whose route is remembered."""


@dataclass(frozen=True)
class Route:
    """One route, answered on the event loop or by a view of Flask."""

    method: str
    path: str
    """With `{name}` for a part that varies, `{name:path}` for all the rest; requests are counted under it."""
    answer: Answering | None = None
    view: View | None = None
    public: bool = False
    """Whether it wants no key."""
    title: str | None = None
    """What the contract says of it; what has none isn't in the contract."""
    media: str = "application/json"
    problems: tuple[int, ...] = ()
    """Statuses of its own refusals; those of every route are left out."""
    describe: str | None = None
    """Which body and answer it has, in the contract's words, where they follow from the model."""


@dataclass(frozen=True)
class Match:
    """The routes of one path, by method."""

    routes: Mapping[str, Route]
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def methods(self) -> str:
        """What may be asked, as a header has it."""
        methods = {*self.routes, "OPTIONS", *(("HEAD",) if "GET" in self.routes else ())}
        return ", ".join(sorted(methods))

    def find(self, method: str) -> Route | None:
        """Return the route of a method; what can be got can be asked for its head."""
        return self.routes.get("GET" if method == "HEAD" else method)


class Router:
    """Finds the routes of a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, Match] = {}
        self._patterns: list[tuple[Sequence[str], dict[str, Route]]] = []
        self._found: dict[str, Match] = {}
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        for path, methods in by_path.items():
            if "{" in path:
                self._patterns.append((path.split("/"), methods))
            else:
                self._fixed[path] = Match(methods)

    def find(self, path: str) -> Match | None:
        """Return the routes of a path, or none."""
        match = self._fixed.get(path) or self._found.get(path)
        if match is not None:
            return match
        parts = path.split("/")
        for pattern, methods in self._patterns:
            parameters = _compare(pattern, parts)
            if parameters is not None:
                match = Match(methods, parameters)
                if len(self._found) < MOST_FOUND:
                    self._found[path] = match
                return match
        return None


def _compare(pattern: Sequence[str], parts: Sequence[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for index, part in enumerate(pattern):
        if part.endswith(":path}"):
            rest = "/".join(parts[index:])
            return {**parameters, part[1:-6]: rest} if rest else None
        if index >= len(parts):
            return None
        if part.startswith("{"):
            if not parts[index]:
                return None
            parameters[part[1:-1]] = parts[index]
        elif part != parts[index]:
            return None
    return parameters if len(parts) == len(pattern) else None
