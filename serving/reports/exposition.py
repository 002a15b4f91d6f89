"""What `GET /metrics` tells, in the text format of Prometheus, over all workers."""

import time
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from molino import __version__
from serving.metrics.drift import read_drift
from serving.metrics.request_counters import EDGES, STEPS, Series, Tally, add
from serving.service import Service

CONTENT_TYPE = CONTENT_TYPE_LATEST
EVERY = STEPS // 4
"""Prometheus gets every fifth of the latency buckets: four per decade."""


def expose(service: Service) -> bytes:
    """Return the metrics."""
    service.flush()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ServiceCollector(service))
    return generate_latest(registry)


class ServiceCollector(Collector):
    """Reads the counters when it is asked, so that the workers keep nothing twice."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        tallies = self._service.request_counters.tallies()
        yield _requests(tallies)
        yield _durations(tallies)
        yield _rows(tallies)
        yield from self._models()
        yield from self._server()

    def _models(self) -> Iterable[Metric]:
        info = GaugeMetricFamily(
            "molino_model_workers", "Workers that serve a version of a model.", labels=("model", "version")
        )
        failed = GaugeMetricFamily(
            "molino_model_failed", "1 where a worker can't serve the deployed version of a model.", labels=("model",)
        )
        drift = GaugeMetricFamily(
            "molino_drift_psi",
            "Population stability index of a feature against the training rows.",
            labels=("model", "version", "feature"),
        )
        state = self._service.repository.state
        failures = self._service.failures()
        for name, versions in self._service.served_versions.all().items():
            for version, workers in versions.items():
                info.add_metric((name, version), workers)
        for name, model in sorted(state.models.items()):
            for feature, seen in read_drift(self._service.shared.counters, model.release).items():
                if seen.psi is not None:
                    drift.add_metric((name, model.version, feature), seen.psi)
        for name in sorted((state.models.keys() | failures.keys()) - {""}):
            failed.add_metric((name,), float(name in failures))
        return info, failed, drift

    def _server(self) -> Iterable[Metric]:
        build = GaugeMetricFamily("molino_build_info", "Version of Molino.", labels=("version",))
        build.add_metric((__version__,), 1)
        uptime = GaugeMetricFamily("molino_uptime_seconds", "Seconds since the server was started.")
        uptime.add_metric((), time.time() - self._service.shared.started)
        workers = GaugeMetricFamily("molino_workers", "Worker processes.")
        workers.add_metric((), len(self._service.served_versions.workers()))
        return build, uptime, workers


def _requests(tallies: dict[Series, Tally]) -> Metric:
    family = CounterMetricFamily(
        "molino_requests", "Answered requests.", labels=("route", "method", "status", "model", "version")
    )
    for series, tally in sorted(tallies.items()):
        family.add_metric(
            (series.route, series.method, str(series.status), series.model, series.version), tally.requests
        )
    return family


def _durations(tallies: dict[Series, Tally]) -> Metric:
    family = HistogramMetricFamily(
        "molino_request_duration_seconds", "Time from a request's headers to its answer.", labels=("route", "model")
    )
    for route, model in sorted({(series.route, series.model) for series in tallies}):
        tally = add(tally for series, tally in tallies.items() if (series.route, series.model) == (route, model))
        family.add_metric((route, model), _cumulate(tally), tally.seconds)
    return family


def _rows(tallies: dict[Series, Tally]) -> Metric:
    family = CounterMetricFamily("molino_predicted_rows", "Rows that were answered.", labels=("model", "version"))
    for model, version in sorted({(series.model, series.version) for series in tallies if series.model}):
        rows = sum(
            tally.rows for series, tally in tallies.items() if (series.model, series.version) == (model, version)
        )
        family.add_metric((model, version), rows)
    return family


def _cumulate(tally: Tally) -> list[tuple[str, float]]:
    buckets: list[tuple[str, float]] = []
    seen = 0
    for index, count in enumerate(tally.buckets[:-1]):
        seen += count
        if index % EVERY == 0:
            buckets.append((f"{EDGES[index]:.6g}", seen))
    return [*buckets, ("+Inf", tally.requests)]
