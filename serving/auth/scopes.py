"""What a token must allow for a path: `predict:housing`, `predict:*` and `monitor`."""

from serving.auth.callers import Caller
from serving.http.problems import Problem

MONITOR, EVERY_MODEL, OF_A_MODEL = "monitor", "predict:*", "predict:"
LISTS = frozenset({"/models", "/v2", "/openapi.json"})


def require_scope(caller: Caller, path: str, default_model: str | None) -> None:
    """Let a caller go on to a path.

    Args:
        caller: who was let in; one by a key may do everything.
        path: of the request, decoded, without query.
        default_model: the model of `/predict`.

    Raises:
        Problem: 403, naming a scope that opens it.
    """
    if caller.scopes is None:
        return
    wanted = _wanted(path, default_model)
    if caller.scopes.isdisjoint(wanted) and not (path in LISTS and _opens_a_model(caller.scopes)):
        raise Problem(403, f"the token lacks the scope {wanted[0][:128]}")


def shows_model(scopes: frozenset[str] | None, model: str) -> bool:
    """Tell whether a caller with these scopes sees a model in lists; one by a key sees all."""
    return scopes is None or not scopes.isdisjoint((OF_A_MODEL + model, EVERY_MODEL, MONITOR))


def _wanted(path: str, default_model: str | None) -> tuple[str, ...]:
    """Return the scopes of which one is enough. A path that isn't known here is for those who see everything."""
    match path.removeprefix("/v2").split("/"):
        case ["", "predict" | "explain"]:
            return (OF_A_MODEL + (default_model or "*"), EVERY_MODEL)
        case ["", "models", name] | ["", "models", name, "ready"]:
            return (OF_A_MODEL + name, EVERY_MODEL, MONITOR)
        case ["", "models", name, "versions", _] | ["", "models", name, "versions", _, "ready"]:
            return (OF_A_MODEL + name, EVERY_MODEL, MONITOR)
        case ["", "models", name, _] | ["", "models", name, "versions", _, _]:
            return (OF_A_MODEL + name, EVERY_MODEL)
    return (MONITOR,)


def _opens_a_model(scopes: frozenset[str]) -> bool:
    return any(scope.startswith(OF_A_MODEL) for scope in scopes)
