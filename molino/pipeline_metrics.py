"""What the records in the store tell of the pipelines, for Prometheus.

The records are the truth of what became of a run, on Kubernetes and on one machine alike, and nothing else knows of the
gate's verdict, of rows set aside, or that a release was put back: so they are read here, and not what Airflow counts.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from molino.contracts.approval import Approval
from molino.contracts.errors import MolinoError, RunError
from molino.contracts.listening import listen_address
from molino.contracts.reading import read_object
from molino.contracts.refusal import Refusal
from molino.contracts.results import Change, EvaluateResult, IngestResult, RegisterResult, VersionResult
from molino.contracts.run import Run, RunSummary
from molino.contracts.steps import STEP_NAMES
from training.run_index import models_with_runs, read_run, summaries
from training.run_notes import read_approval, read_refusal
from training.stores.contract import Store

STATES = ("done", "rejected", "unfinished", "unchanged", "unreadable")
"""What a run may be (`Run.state`)."""
REGULAR_RUNS = 6
"""Newest runs that tell whether a model runs regularly."""
HELP = {
    "molino_store_up": "1 where the records could be read.",
    "molino_pipeline_runs": "Runs that have a record, by what became of them.",
    "molino_pipeline_last_run_state": "1 for what has become of the newest run.",
    "molino_pipeline_last_run_started_timestamp_seconds": "When the newest run began.",
    "molino_pipeline_interval_seconds": "Time between two runs of a model that runs regularly.",
    "molino_pipeline_last_record_timestamp_seconds": "When the newest run left its last record, or was approved.",
    "molino_pipeline_waits_for_approval": "1 where the newest run waits for a person to approve its version.",
    "molino_pipeline_step_done": "1 where the newest run has the record of a step.",
    "molino_pipeline_step_seconds": "Wall time of a step of the newest run.",
    "molino_data_rows": "Rows of the newest run's source: read, clean, set aside, dropped.",
    "molino_data_changes": "Differences to the last data version beyond what the model file lets pass.",
    "molino_gate_accepted": "1 where the gate let the newest run's candidate through.",
    "molino_candidate_score": "A metric of the newest run's best candidate on held-out rows.",
}
Sample = tuple[str, dict[str, str], float]


class PipelineMetrics(Collector):
    """Reads a store at each scrape: two listings for a model, and the newest run where it has changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[RunSummary, Run] = {}
        """The newest run of each model, by what its marker says."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics; a store that doesn't answer is one of them."""
        try:
            samples = [*self._samples(), ("molino_store_up", {}, 1.0)]
        except (MolinoError, OSError):
            samples = [("molino_store_up", {}, 0.0)]
        gauges = {name: GaugeMetricFamily(name, told) for name, told in HELP.items()}
        for name, labels, value in samples:
            gauges[name].add_sample(name, labels, value)
        yield from (gauge for gauge in gauges.values() if gauge.samples)

    def _samples(self) -> Iterator[Sample]:
        newest: dict[RunSummary, Run] = {}
        for model in models_with_runs(self._store):
            listed = sorted(summaries(self._store, model), key=lambda run: run.started)
            counts = Counter(run.state for run in listed)
            for state in STATES:
                yield "molino_pipeline_runs", {"model": model, "state": state}, float(counts[state])
            if listed:
                last = listed[-1]
                yield from _interval(model, listed[-REGULAR_RUNS:])
                newest[last] = self._read.get(last) or read_run(self._store, model, last.run_id)
                yield from _of_run(newest[last], self._approval(newest[last]), read_refusal(self._store, newest[last]))
        self._read = newest

    def _approval(self, run: Run) -> Approval | None:
        """Return what a person has said of a run whose deploy step has no record yet."""
        return read_approval(self._store, run) if _asks(run) else None


def _interval(model: str, runs: Sequence[RunSummary]) -> Iterator[Sample]:
    """Yield the time between runs, where there are enough and none of their intervals is twice or half another one."""
    gaps = [(after.started - before.started).total_seconds() for before, after in pairwise(runs)]
    if len(gaps) >= REGULAR_RUNS - 1 and max(gaps) <= 2 * min(gaps):
        yield "molino_pipeline_interval_seconds", {"model": model}, median(gaps)


def _asks(run: Run) -> bool:
    """Tell whether a run has registered what a person is to approve, and goes no further without an answer."""
    registered = read_object(RegisterResult, run.records["register"].result) if "register" in run.records else None
    return isinstance(registered, RegisterResult) and bool(registered.waits) and "deploy" not in run.records


def _of_run(run: Run, said: Approval | None, refusal: Refusal | None) -> Iterator[Sample]:
    """Yield what the newest run of a model tells, what was said of it, and why its data was refused."""
    model = {"model": run.model}
    for state in STATES:
        yield "molino_pipeline_last_run_state", model | {"state": state}, float(run.state == state)
    if not run.records:
        return
    yield "molino_pipeline_last_run_started_timestamp_seconds", model, _seconds(run.started)
    ended = [record.ended for record in run.records.values()]
    beside = [one.at for one in (said, refusal) if one]
    yield "molino_pipeline_last_record_timestamp_seconds", model, _seconds(max([*ended, *beside]))
    yield "molino_pipeline_waits_for_approval", model, float(_asks(run) and said is None)
    for step in STEP_NAMES:
        yield "molino_pipeline_step_done", model | {"step": step}, float(step in run.records)
        if step in run.records:
            yield "molino_pipeline_step_seconds", model | {"step": step}, run.records[step].seconds
    yield from _of_results(model, {step: record.result for step, record in run.records.items()})
    if refusal:
        yield from _of_changes(model, refusal.changes)


def _of_results(model: dict[str, str], results: Mapping[str, Any]) -> Iterator[Sample]:
    """Yield what results tell; one that can't be read tells nothing."""
    ingest = read_object(IngestResult, results.get("ingest"))
    if isinstance(ingest, IngestResult):
        for kind in ("read", "clean", "quarantined", "dropped"):
            yield "molino_data_rows", model | {"kind": kind}, float(getattr(ingest, f"rows_{kind}"))
    version = read_object(VersionResult, results.get("version"))
    if isinstance(version, VersionResult):
        yield from _of_changes(model, version.changes)
    evaluate = read_object(EvaluateResult, results.get("evaluate"))
    if isinstance(evaluate, EvaluateResult):
        yield "molino_gate_accepted", model, float(evaluate.verdict.accepted)
        for metric, score in evaluate.scores.get(evaluate.best, {}).items():
            yield "molino_candidate_score", model | {"candidate": evaluate.best, "metric": metric}, score.value


def _of_changes(model: dict[str, str], changes: Sequence[Change]) -> Iterator[Sample]:
    """Yield how many differences to the last data version the model file warns of, and how many it refuses."""
    refused = Counter(change.refused for change in changes)
    for whether in (False, True):
        yield "molino_data_changes", model | {"refused": str(whether).lower()}, float(refused[whether])


def serve(store: Store, host: str, port: int) -> tuple[WSGIServer, threading.Thread]:
    """Answer scrapes at an address, and return the server and the thread that it runs in.

    Raises:
        RunError: it can't be listened on.
    """
    try:
        return start_http_server(port, listen_address(host), registry_of(store))
    except OSError as error:
        raise RunError(
            f"port {port} of {host} can't be listened on ({error.strerror}): end what listens there, "
            "or choose another by --port or --host"
        ) from error


def registry_of(store: Store) -> CollectorRegistry:
    """Return what asks a store at each scrape."""
    registry = CollectorRegistry()
    registry.register(PipelineMetrics(store))
    return registry


def _seconds(moment: datetime) -> float:
    return round(moment.timestamp(), 3)
