"""What `GET /monitor` tells: versions, uptime, requests, errors, latency and drift, over all workers."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from molino import __version__
from serving.metrics.drift import tell
from serving.metrics.request_counters import Series, Tally, add, quantiles
from serving.service import Service

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}


def monitor(service: Service) -> dict[str, Any]:
    """Return the state of the server."""
    service.flush()
    tallies = service.request_counters.tallies()
    now = time.time()
    return {
        "molino": __version__,
        "uptime_seconds": round(now - service.shared.started, 3),
        "workers": [
            {"pid": pid, "uptime_seconds": round(now - started, 3)}
            for pid, started in service.served_versions.workers().items()
        ],
        **_requests(tallies),
        "routes": _routes(tallies),
        "models": _models(service, tallies),
        "pointer_error": service.failures().get(""),
        "auth": service.authenticator.describe(),
        "warnings": service.authenticator.warnings(),
        "counters": service.shared.counters.room()._asdict(),
    }


def _requests(tallies: Mapping[Series, Tally]) -> dict[str, Any]:
    statuses = Counter({"2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0})
    for series, tally in tallies.items():
        statuses[f"{series.status // 100}xx"] += tally.requests
    return {
        "requests": sum(statuses.values()),
        "by_status": dict(statuses),
        "errors": {"client": statuses["4xx"], "server": statuses["5xx"]},
        "latency_ms": _latency(tallies.values()),
    }


def _routes(tallies: dict[Series, Tally]) -> list[dict[str, Any]]:
    groups: defaultdict[tuple[str, str], dict[Series, Tally]] = defaultdict(dict)
    for series, tally in tallies.items():
        groups[series.route, series.method][series] = tally
    return [{"route": route, "method": method, **_requests(groups[route, method])} for route, method in sorted(groups)]


def _models(service: Service, tallies: dict[Series, Tally]) -> dict[str, Any]:
    models = service.repository.state.models
    versions, failures = service.served_versions, service.failures()
    served, seen = versions.all(), versions.seen()
    groups: defaultdict[str, dict[Series, Tally]] = defaultdict(dict)
    for series, tally in tallies.items():
        groups[series.model][series] = tally
    told: dict[str, Any] = {}
    for name in sorted(models.keys() | (failures.keys() - {""})):
        model, own = models.get(name), groups[name]
        told[name] = {
            "version": model.version if model else None,
            "workers": served.get(name, {}),
            "failure": failures.get(name),
            **_requests(own),
            "rows": sum(tally.rows for tally in own.values()),
            "by_version": _by_version(own),
            "drift": {
                feature: tell(drifts) for feature, drifts in (versions.drift(model, seen) if model else {}).items()
            },
        }
    return told


def _by_version(tallies: Mapping[Series, Tally]) -> dict[str, int]:
    versions: Counter[str] = Counter()
    for series, tally in tallies.items():
        versions[series.version] += tally.requests
    return dict(sorted(versions.items()))


def _latency(tallies: Iterable[Tally]) -> dict[str, float | None]:
    tally = add(tallies)
    latency: dict[str, float | None] = {
        "mean": _milliseconds(tally.seconds / tally.requests) if tally.requests else None
    }
    found = quantiles(tally, list(QUANTILES.values()))
    return latency | {name: _milliseconds(seconds) for name, seconds in zip(QUANTILES, found, strict=True)}


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 4)
