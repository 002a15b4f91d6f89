"""What `GET /metrics` tells, in the text format of Prometheus, over all workers.

What there is per model is written as text here: prometheus_client takes several times as long, which counts where there
are hundreds of models.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from weakref import WeakKeyDictionary

import numpy as np
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from molino import __version__
from serving.inference.model import Model
from serving.metrics.drift import LEAST_ROWS, LEVELS, Expected, Seen
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
    counted = [*_requests(tallies), *_durations(tallies), *_rows(tallies)]
    lines = [*counted, *_models(service), *_releases(service), *_drift(service), ""]
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
        yield from self._processes()

    def _processes(self) -> Iterator[Metric]:
        """Yield `process_*`, as every Python process has it, of all workers together."""
        together: dict[str, Metric] = {}
        for pid in self._service.served_versions.workers():
            collector = ProcessCollector(pid=partial(int, pid), registry=None)
            for metric in collector.collect():
                known = together.setdefault(metric.name, metric)
                if known is not metric and metric.samples:
                    known.samples = [_join(sample, *metric.samples) for sample in known.samples] or metric.samples
        yield from together.values()


def _join(sample: Sample, other: Sample) -> Sample:
    """Return what two processes have together: the sum, or when the first of them was started."""
    both = (sample.value, other.value)
    return sample._replace(value=min(both) if sample.name == "process_start_time_seconds" else sum(both))


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
    yield from _head(name, "histogram", "Time from a request's first byte to its answer, body and queue included.")
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
    yield from _head("molino_pointer_failed", "gauge", "1 where the file that says what is deployed can't be read.")
    yield f"molino_pointer_failed {int('' in failures)}"


def _releases(service: Service) -> Iterable[str]:
    """Yield what the served releases say of themselves: where they come from, how old and how good they are."""
    info = _head("molino_model_info", "gauge", "1 for each release that is served, with where it comes from.")
    created = _head("molino_model_created_timestamp_seconds", "gauge", "When a served release was made.")
    scores = _head("molino_model_score", "gauge", "A metric of a served release on held-out rows.")
    lows = _head("molino_model_score_low", "gauge", "Lower end of a metric's 95 % confidence interval.")
    highs = _head("molino_model_score_high", "gauge", "Upper end of a metric's 95 % confidence interval.")
    for _, model in sorted(service.repository.state.models.items()):
        release, lineage = model.release, model.release.lineage
        told = _labels(
            model=model.name,
            version=model.version,
            task=release.task,
            candidate=lineage.candidate,
            run_id=lineage.run_id,
            data_revision=lineage.data_revision,
        )
        labels = _labels(model=model.name, version=model.version)
        info.append(f"molino_model_info{{{told}}} 1")
        created.append(f"molino_model_created_timestamp_seconds{{{labels}}} {release.created.timestamp():.3f}")
        for metric, score in sorted(release.metrics.items()):
            named = f"{{{labels},{_labels(metric=metric)}}}"
            scores.append(f"molino_model_score{named} {score.value!r}")
            lows.append(f"molino_model_score_low{named} {score.low!r}")
            highs.append(f"molino_model_score_high{named} {score.high!r}")
    return [*info, *created, *scores, *lows, *highs]


def _drift(service: Service) -> Iterable[str]:
    """Yield the index per window, and what Prometheus can work it out from: counts per bin, and the expected shares."""
    seen = service.served_versions.seen()
    psi = _head("molino_drift_psi", "gauge", f"Population stability index of a feature, from {LEAST_ROWS} rows on.")
    levels = _head(
        "molino_drift_level", "gauge", "0 where a feature hasn't drifted, 1 moderately, 2 much: more than noise would."
    )
    rows = _head("molino_drift_rows", "gauge", "Rows of a feature that the window of its index has.")
    outside = _head(
        "molino_drift_outside_total", "counter", "Values outside a feature's range, or unknown to the model."
    )
    bins = _head("molino_drift_bin_total", "counter", "Values of a feature per bin of its reference.")
    shares = _head("molino_drift_bin_expected", "gauge", "Share of the bin in the training rows.")
    for _, model in sorted(service.repository.state.models.items()):
        expected = service.served_versions.expected(model)
        found = seen.get(joined(model.name, model.version))
        if expected is None or found is None or len(found.total) != expected.width or not expected.features:
            continue
        lines = _lines_of(model, expected, service.served_versions.windows)
        lines.tell_windows(expected, found, rows, psi, levels)
        outside.append(lines.outside % tuple(found.total[expected.starts + 1].tolist()))
        bins.append(lines.bins % tuple(found.total[lines.named].tolist()))
        shares.append(lines.shares)
    return [*psi, *levels, *rows, *outside, *bins, *shares]


class _DriftLines:
    """The lines of one model with a place for each figure: its labels are the same at each scrape."""

    def __init__(self, model: Model, expected: Expected, windows: Sequence[float]) -> None:
        features = [_labels(model=model.name, version=model.version, feature=name) for name in expected.features]
        named = [
            (start + place, f"{{{labels},{_labels(bin=name)}}}")
            for labels, start, names in zip(features, expected.starts.tolist(), expected.bins, strict=True)
            for place, name in enumerate(names)
            if name is not None
        ]
        self.named = np.array([place for place, _ in named], np.intp)
        """Where the counts with a bin of their own are."""
        labels = [label.replace("%", "%%") for _, label in named]
        self.bins = "\n".join(f"molino_drift_bin_total{label} %d" for label in labels)
        self.shares = "\n".join(
            f"molino_drift_bin_expected{label} {share:.6g}"
            for (_, label), share in zip(named, expected.shares[self.named].tolist(), strict=True)
        )
        self.outside = "\n".join(
            f"molino_drift_outside_total{{{labels}}} %d" for labels in (name.replace("%", "%%") for name in features)
        )
        self._windows = [[f'{{{labels},window="{seconds:g}"}}' for labels in features] for seconds in windows]

    def tell_windows(self, expected: Expected, found: Seen, rows: list[str], psi: list[str], levels: list[str]) -> None:
        """Add the rows in each window, and its index and level where there are enough."""
        counts, indices = expected.index(found.windows)
        for labels, counted, index, level in zip(
            self._windows, counts.tolist(), indices.tolist(), expected.levels(counts, indices), strict=True
        ):
            rows += [f"molino_drift_rows{label} {count:.0f}" for label, count in zip(labels, counted, strict=True)]
            told = [
                (label, *figures)
                for label, count, *figures in zip(labels, counted, index, level, strict=True)
                if count >= LEAST_ROWS
            ]
            psi += [f"molino_drift_psi{label} {round(figure, 6)}" for label, figure, _ in told]
            levels += [f"molino_drift_level{label} {LEVELS[name]}" for label, _, name in told]


_known_lines: WeakKeyDictionary[Expected, _DriftLines] = WeakKeyDictionary()
"""By what a loaded release expects, as long as it is in service."""


def _lines_of(model: Model, expected: Expected, windows: Sequence[float]) -> _DriftLines:
    lines = _known_lines.get(expected)
    if lines is None:
        lines = _known_lines[expected] = _DriftLines(model, expected, windows)
    return lines
