"""What `GET /models` tells: versions, signature, features, metrics and lineage of what is served."""

from typing import Any

from molino.contracts.release import Release
from serving.http.problems import Problem
from serving.service import Service


def list_models(service: Service) -> dict[str, Any]:
    """Return a summary of every model, and why others aren't served."""
    state = service.repository.state
    default = service.repository.default
    return {
        "default": default.name if default else None,
        "models": [_summary(service, name) for name in sorted(state.models.keys() | (state.failures.keys() - {""}))],
        "pointer_error": state.failures.get(""),
    }


def describe_model(service: Service, name: str) -> dict[str, Any]:
    """Return all about one model.

    Raises:
        Problem: 404 where it isn't deployed.
    """
    state = service.repository.state
    model = state.models.get(name)
    if model is None:
        if name in state.failures:
            return _summary(service, name)
        raise Problem(404, f"no model is called {name[:64]!r}; see /models")
    release = model.release.model_dump(mode="json", exclude={"reference", "name", "version", "title", "task"})
    features = [
        {**told, "field": served.field()} for told, served in zip(release["features"], model.features, strict=True)
    ]
    return {**_summary(service, name), **release, "features": features}


def _summary(service: Service, name: str) -> dict[str, Any]:
    state = service.repository.state
    model = state.models.get(name)
    release: Release | None = model.release if model else None
    return {
        "name": name,
        "version": release.version if release else None,
        "title": release.title if release else None,
        "task": release.task if release else None,
        "workers": service.served_versions.of(name),
        "all_workers": len(service.served_versions.workers()),
        "failure": state.failures.get(name),
        "metrics": {metric: score.model_dump() for metric, score in release.metrics.items()} if release else {},
    }
