"""The serving section of the results, in Markdown."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.machine import describe_machine
from tests.bench.serving.measure import BULK, CROWD, SINGLE, Outcome
from tests.bench.serving.peers import OURS
from tests.bench.serving.targets import verdicts

Cell = Callable[[Outcome], str]


@dataclass(frozen=True)
class Run:
    """What a reader must know of how it was run."""

    rounds: int
    seconds: float
    wrk: str
    machine: str
    began: float


def begin(rounds: int, seconds: float, wrk: str) -> Run:
    """Note the machine before anything is loaded."""
    return Run(rounds, seconds, wrk, describe_machine(), time.time())


def section(run: Run, outcomes: Sequence[Outcome]) -> str:
    """Return the whole section."""
    ours = next((outcome for outcome in outcomes if outcome.peer.name == OURS and outcome.visits), None)
    parts = [
        "## Serving",
        _how(run),
        f"{run.machine}- Load average when it ended: {os.getloadavg()[0]:.2f}\n",
        "### Measured",
        _table(outcomes, _FIGURES),
        "### Ours to theirs",
        _ratios(ours, outcomes),
        "### Targets",
        _targets(outcomes),
        "### Versions",
        "".join(f"- {outcome.peer.title}: {_versions(outcome)}\n" for outcome in outcomes),
    ]
    faults = [outcome for outcome in outcomes if outcome.fault]
    if faults:
        parts += ["### Not measured", "".join(f"- {o.peer.title}: {_cause(o)}\n" for o in faults)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _how(run: Run) -> str:
    began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(run.began))
    return (
        "The same network (13, 64, 32, 1 units, trained by Keras on the housing data) and the same rows behind every "
        "server. Each has 2 workers, one thread per ONNX session and an environment of its own, and was asked for the "
        "right answer before and after it was timed (predictions within 0.001 of the graph's). MLServer's "
        "scikit-learn server answers with gradient boosting instead. Ours checks keys, validates, counts and writes "
        "its access log; the others do none of it beyond what they do by themselves, with access logs off. `/v2` is "
        "the Open Inference Protocol, which MLServer is asked by too. Molino's functions behind Gunicorn's and "
        "Uvicorn's own workers have none of its limits on connections. A server of which a connection broke is not "
        "measured.\n\n"
        f"{run.rounds} rounds in turn from {began}, {run.seconds:g} s per load, medians of the rounds; `{run.wrk}` "
        "beside the server on the same cores, loopback. `req/s` at 32 connections, one row; `p50` and `p99` in ms; "
        "1,000-row requests over 8 connections; `CPU` is the server's processor time per request; memory is the "
        "proportional set size of all processes of the server after the loads; start is from the start of the process "
        "to the first right answer."
    )


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


_FIGURES: tuple[tuple[str, Cell], ...] = (
    ("req/s, 32", lambda o: _number(o.load(CROWD, lambda load: load.per_second), 0)),
    ("p50, 32", lambda o: _number(o.load(CROWD, lambda load: load.p50_ms), 2)),
    ("p99, 32", lambda o: _number(o.load(CROWD, lambda load: load.p99_ms), 2)),
    ("CPU µs, 32", lambda o: _number(o.median(lambda visit: visit.cpu_us[CROWD]), 0)),
    ("req/s, 1", lambda o: _number(o.load(SINGLE, lambda load: load.per_second), 0)),
    ("p50, 1", lambda o: _number(o.load(SINGLE, lambda load: load.p50_ms), 3)),
    ("p99, 1", lambda o: _number(o.load(SINGLE, lambda load: load.p99_ms), 2)),
    ("1,000 rows req/s", lambda o: _number(o.load(BULK, lambda load: load.per_second), 0)),
    ("p50", lambda o: _number(o.load(BULK, lambda load: load.p50_ms), 1)),
    ("p99", lambda o: _number(o.load(BULK, lambda load: load.p99_ms), 1)),
    ("CPU µs, 1,000 rows", lambda o: _number(o.median(lambda visit: visit.cpu_us[BULK]), 0)),
    ("MB", lambda o: _number(o.median(lambda visit: visit.memory_mb), 0)),
    ("start s", lambda o: _number(o.median(lambda visit: visit.start_s), 2)),
)


def _table(outcomes: Iterable[Outcome], columns: Sequence[tuple[str, Cell]]) -> str:
    head = "| | " + " | ".join(title for title, _ in columns) + " |\n|---|" + "---:|" * len(columns) + "\n"
    rows = (
        f"| {outcome.peer.title} | " + " | ".join(cell(outcome) for _, cell in columns) + " |\n" for outcome in outcomes
    )
    return head + "".join(rows)


def _ratios(ours: Outcome | None, outcomes: Sequence[Outcome]) -> str:
    if ours is None:
        return "Ours was not measured in this run."
    columns = (
        ("req/s, 32", _ratio(ours, lambda o: o.load(CROWD, lambda load: load.per_second), more=True)),
        ("p99, 32", _ratio(ours, lambda o: o.load(CROWD, lambda load: load.p99_ms), more=False)),
        ("CPU, 32", _ratio(ours, lambda o: o.median(lambda visit: visit.cpu_us[CROWD]), more=False)),
        ("p50, 1", _ratio(ours, lambda o: o.load(SINGLE, lambda load: load.p50_ms), more=False)),
        ("1,000 rows req/s", _ratio(ours, lambda o: o.load(BULK, lambda load: load.per_second), more=True)),
        ("memory", _ratio(ours, lambda o: o.median(lambda visit: visit.memory_mb), more=False)),
        ("start", _ratio(ours, lambda o: o.median(lambda visit: visit.start_s), more=False)),
    )
    others = [outcome for outcome in outcomes if outcome is not ours]
    return "How many times better ours is; below 1 the other is better.\n\n" + _table(others, columns)


def _ratio(ours: Outcome, of: Callable[[Outcome], float | None], *, more: bool) -> Cell:
    """Return a column of ratios, of a figure of which more or less is better."""

    def cell(other: Outcome) -> str:
        mine, theirs = of(ours), of(other)
        if not mine or not theirs:
            return "–"
        ratio = mine / theirs if more else theirs / mine
        return f"{ratio:.0f}×" if ratio >= 20 else f"{ratio:.2f}×"

    return cell


def _targets(outcomes: Sequence[Outcome]) -> str:
    rows = "".join(
        f"| {verdict.target} | {verdict.wanted} | {verdict.measured} | {verdict.said} |\n"
        for verdict in verdicts(outcomes)
    )
    return f"| target | wanted | measured | |\n|---|---|---|---|\n{rows}"


def _versions(outcome: Outcome) -> str:
    return ", ".join(f"{name} {version}" for name, version in outcome.versions.items()) or "not installed"


def _cause(outcome: Outcome) -> str:
    known = f"; {outcome.peer.known}" if outcome.peer.known else ""
    return f"{_one_line(outcome.fault)}{known}"


def _one_line(fault: str | None) -> str:
    """Return the end of a fault, without the home folder of whoever ran it."""
    return " ".join((fault or "").replace(str(Path.home()), "~").split())[-600:]
