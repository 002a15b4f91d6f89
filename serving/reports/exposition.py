"""What `GET /metrics` tells, in the text format of Prometheus, over all workers.

What there is per model is written as text here: prometheus_client takes several times as long, which counts where there
are hundreds of models.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from molino import __version__
from serving.inference.model import Model
from serving.metrics.drift import LEAST_ROWS, Expected, Seen
from serving.metrics.request_counters import EDGES, STEPS, Series, Tally, add
from serving.metrics.shared_counters import joined
from serving.service import Service

CONTENT_TYPE = CONTENT_TYPE_LATEST
EVERY = STEPS // 4
"""Prometheus gets every fifth of the latency buckets: four per decade."""
_EDGES = [f"{edge:.6g}" for edge in EDGES[::EVERY]]


def expose(service: Service) -> bytes:
    """Return the metrics."""
    service.flush()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ServerCollector(service))
    tallies = service.request_counters.tallies()
    lines = [*_requests(tallies), *_durations(tallies), *_rows(tallies), *_models(service), *_drift(service), ""]
    return "\n".join(lines).encode("utf-8", "replace") + generate_latest(registry)


class ServerCollector(Collector):
    """What there is once per server."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        build = GaugeMetricFamily("molino_build_info", "Version of Molino.", labels=("version",))
        build.add_metric((__version__,), 1)
        yield build
        room = self._service.shared.counters.room()
        for name, told, value in (
            (
                "molino_uptime_seconds",
                "Seconds since the server was started.",
                time.time() - self._service.shared.started,
            ),
            ("molino_workers", "Worker processes.", len(self._service.served_versions.workers())),
            ("molino_counters_used_ratio", "Share of the counters' memory that is taken.", room.used / room.size),
            ("molino_counters_lost", "Counters that found no room in their memory.", room.lost),
        ):
            gauge = GaugeMetricFamily(name, told)
            gauge.add_metric((), value)
            yield gauge


def _head(name: str, kind: str, told: str) -> list[str]:
    return [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]


@lru_cache(65536)
def _labels(**labels: str) -> str:
    """Return labels as the text format has them."""
    return ",".join(
        f'{name}="{value}"'
        for name, value in (
            (name, value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"'))
            for name, value in labels.items()
        )
    )


def _requests(tallies: dict[Series, Tally]) -> Iterable[str]:
    yield from _head("molino_requests_total", "counter", "Answered requests.")
    for series, tally in sorted(tallies.items()):
        labels = _labels(**series._asdict() | {"status": str(series.status)})
        yield f"molino_requests_total{{{labels}}} {tally.requests}"


def _durations(tallies: dict[Series, Tally]) -> Iterable[str]:
    name = "molino_request_duration_seconds"
    yield from _head(name, "histogram", "Time from a request's headers to its answer.")
    groups: dict[tuple[str, str], list[Tally]] = {}
    for series, tally in sorted(tallies.items()):
        groups.setdefault((series.route, series.model), []).append(tally)
    for (route, model), group in groups.items():
        tally, labels = add(group), _labels(route=route, model=model)
        for edge, seen in zip(_EDGES, np.cumsum(tally.buckets)[:-1:EVERY].tolist(), strict=True):
            yield f'{name}_bucket{{{labels},le="{edge}"}} {seen:.0f}'
        yield f'{name}_bucket{{{labels},le="+Inf"}} {tally.requests}'
        yield f"{name}_count{{{labels}}} {tally.requests}"
        yield f"{name}_sum{{{labels}}} {tally.seconds!r}"


def _rows(tallies: dict[Series, Tally]) -> Iterable[str]:
    yield from _head("molino_predicted_rows_total", "counter", "Rows that were answered.")
    rows: dict[tuple[str, str], int] = {}
    for series, tally in sorted(tallies.items()):
        if series.model:
            rows[series.model, series.version] = rows.get((series.model, series.version), 0) + tally.rows
    for (model, version), count in rows.items():
        yield f"molino_predicted_rows_total{{{_labels(model=model, version=version)}}} {count}"


def _models(service: Service) -> Iterable[str]:
    yield from _head("molino_model_workers", "gauge", "Workers that serve a version of a model.")
    for model, versions in service.served_versions.all().items():
        for version, workers in versions.items():
            yield f"molino_model_workers{{{_labels(model=model, version=version)}}} {workers}"
    yield from _head("molino_model_failed", "gauge", "1 where a worker can't serve the deployed version of a model.")
    failures = service.failures()
    for model in sorted((service.repository.state.models.keys() | failures.keys()) - {""}):
        yield f"molino_model_failed{{{_labels(model=model)}}} {int(model in failures)}"


def _drift(service: Service) -> Iterable[str]:
    """Yield the index per window, and what Prometheus can work it out from: counts per bin, and the expected shares."""
    seen = service.served_versions.seen()
    psi = _head("molino_drift_psi", "gauge", f"Population stability index of a feature, from {LEAST_ROWS} rows on.")
    rows = _head("molino_drift_rows", "gauge", "Rows of a feature that the window of its index has.")
    outside = _head(
        "molino_drift_outside_total", "counter", "Values outside a feature's range, or unknown to the model."
    )
    bins = _head("molino_drift_bin_total", "counter", "Values of a feature per bin of its reference.")
    expected_shares = _head("molino_drift_bin_expected", "gauge", "Share of the bin in the training rows.")
    for _, model in sorted(service.repository.state.models.items()):
        expected = service.served_versions.expected(model)
        found = seen.get(joined(model.name, model.version))
        if expected is None or found is None or len(found.total) != expected.width:
            continue
        for feature, drifts in service.served_versions.drift(model, seen).items():
            labels = _labels(model=model.name, version=model.version, feature=feature)
            for drift in drifts:
                where = f'{{{labels},window="{drift.seconds:g}"}}'
                rows.append(f"molino_drift_rows{where} {drift.rows}")
                if drift.rows >= LEAST_ROWS:
                    psi.append(f"molino_drift_psi{where} {drift.psi}")
        _tell_bins(model, expected, found, outside, bins, expected_shares)
    return [*psi, *rows, *outside, *bins, *expected_shares]


def _tell_bins(
    model: Model, expected: Expected, found: Seen, outside: list[str], bins: list[str], shares: list[str]
) -> None:
    counts, wanted = found.total.tolist(), expected.shares.tolist()
    for feature, start, names in zip(expected.features, expected.starts.tolist(), expected.bins, strict=True):
        labels = _labels(model=model.name, version=model.version, feature=feature)
        outside.append(f"molino_drift_outside_total{{{labels}}} {counts[start + 1]:.0f}")
        for place, name in enumerate(_bin_labels(labels, tuple(names)), start):
            if name:
                bins.append(f"molino_drift_bin_total{name} {counts[place]:.0f}")
                shares.append(f"molino_drift_bin_expected{name} {wanted[place]:.6g}")


@lru_cache(8192)
def _bin_labels(labels: str, names: Sequence[str | None]) -> list[str]:
    """Return the labels of each bin of a feature; none where its values are in other bins."""
    return ["" if name is None else f"{{{labels},{_labels(bin=name)}}}" for name in names]
