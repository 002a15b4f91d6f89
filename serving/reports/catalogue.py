"""What `GET /models` tells: versions, signature, features, metrics and lineage of what is served."""

from collections.abc import Mapping
from typing import Any

from molino.contracts.metrics import METRICS
from molino.contracts.release import Release, Score
from serving.auth.scopes import shows_model
from serving.http.problems import Problem
from serving.service import Service


def list_models(service: Service, scopes: frozenset[str] | None = None) -> dict[str, Any]:
    """Return a summary of every model that a caller with these scopes may see, and why others aren't served."""
    failures = service.failures()
    default = service.repository.default
    served, workers = service.served_versions.all(), len(service.served_versions.workers())
    known = service.repository.state.models.keys() | (failures.keys() - {""})
    names = sorted(name for name in known if shows_model(scopes, name))
    return {
        "default": default.name if default and shows_model(scopes, default.name) else None,
        "models": [_summary(service, name, served.get(name, {}), workers, failures.get(name)) for name in names],
        "pointer_error": failures.get(""),
    }


def describe_model(service: Service, name: str) -> dict[str, Any]:
    """Return all about one model.

    Raises:
        Problem: 404 where it isn't deployed.
    """
    model = service.repository.state.models.get(name)
    failure = service.failures().get(name)
    if model is None and failure is None:
        raise Problem(404, f"no model is called {name[:64]!r}; see /models")
    versions = service.served_versions
    summary = _summary(service, name, versions.of(name), len(versions.workers()), failure)
    if model is None:
        return summary
    release = model.release.model_dump(mode="json", exclude={"reference", "name", "version", "title", "task"})
    features = [
        {**told, "field": served.field()} for told, served in zip(release["features"], model.features, strict=True)
    ]
    return {
        **summary,
        **release,
        "features": features,
        "metrics": {metric: _metric(metric, score) for metric, score in model.release.metrics.items()},
        "out_of_range": model.release.serving.get("out_of_range", "accept"),
    }


def _metric(name: str, score: Score) -> dict[str, Any]:
    known = METRICS.get(name)
    told = {"title": known.title, "unit": known.unit, "better": known.better} if known else {}
    return {**score.model_dump(), **told}


def _summary(
    service: Service, name: str, served: Mapping[str, int], workers: int, failure: str | None
) -> dict[str, Any]:
    model = service.repository.state.models.get(name)
    release: Release | None = model.release if model else None
    return {
        "name": name,
        "version": release.version if release else None,
        "title": release.title if release else None,
        "task": release.task if release else None,
        "workers": served,
        "all_workers": workers,
        "failure": failure,
        "metrics": {metric: score.model_dump() for metric, score in release.metrics.items()} if release else {},
    }
