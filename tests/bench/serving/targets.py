"""What our server has to reach, held against what was measured."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.bench.serving.measure import BULK, CROWD, SINGLE, Outcome
from tests.bench.serving.peers import COLUMNS, OURS, V2

TIMES_FASTER = (
    ("flask-keras", 200.0),
    ("bentoml", 8.0),
    ("litserve", 8.0),
    ("mlserver-onnx", 6.0),
    ("mlserver-onnx-inline", 6.0),
    ("mlserver-sklearn", 6.0),
    ("kserve", 2.0),
    ("fastapi", 1.0),
)
"""Requests per second at 32 connections, ours to theirs."""
LESS_CPU = 1.8
"""FastAPI's processor time per request at 32 connections to ours."""
SAME_CPU = 1.3
"""At most, the processor time of 1,000 rows in another form or layout to that of `/predict` over a matrix."""
START_S = 1.5
WORKER_MB = 130.0
WORKERS = 2

Figure = Callable[[Outcome], float | None]


@dataclass(frozen=True)
class Verdict:
    """One target."""

    target: str
    wanted: str
    measured: str
    reached: bool | None
    """Nothing where one of the two wasn't measured."""

    @property
    def said(self) -> str:
        """The verdict in a word."""
        return {True: "reached", False: "missed", None: "not measured"}[self.reached]


def verdicts(outcomes: Sequence[Outcome]) -> Iterator[Verdict]:
    """Hold the outcomes against each target."""
    by_name = {outcome.peer.name: outcome for outcome in outcomes}
    ours = by_name.get(OURS)
    if ours is None or not ours.visits:
        return
    for name, times in TIMES_FASTER:
        if name in by_name:
            yield _faster(ours, by_name[name], times)
    if "fastapi" in by_name:
        yield _cheaper(ours, by_name["fastapi"])
    for name in (V2, COLUMNS):
        if name in by_name:
            yield _as_cheap(ours, by_name[name])
    for name in ("mlserver-onnx", "mlserver-onnx-inline", "kserve-v2"):
        if V2 in by_name and name in by_name:
            yield _ahead_by_v2(by_name[V2], by_name[name])
    peers = [outcome for outcome in outcomes if outcome.peer.checked and not outcome.peer.ours and outcome.visits]
    if peers:
        yield _least(ours, peers)
        yield _most(ours, peers)
    start = ours.median(lambda visit: visit.start_s) or 0.0
    yield Verdict("start to the first answer", f"at most {START_S:g} s", f"{start:.2f} s", start <= START_S)
    weight = (ours.median(lambda visit: visit.memory_mb) or 0.0) / WORKERS
    wanted = f"at most {WORKER_MB:g} MB"
    yield Verdict("memory per worker (all processes / workers)", wanted, f"{weight:.0f} MB", weight <= WORKER_MB)


def _faster(ours: Outcome, theirs: Outcome, times: float) -> Verdict:
    target = f"req/s at 32 connections, to {theirs.peer.title}"
    wanted = f"{times:g}×" if times > 1 else "ahead"
    ratio = _ratio(ours, theirs, lambda outcome: outcome.load(CROWD, lambda load: load.per_second))
    return _verdict(target, wanted, ratio, lambda found: found >= times)


def _cheaper(ours: Outcome, theirs: Outcome) -> Verdict:
    target = f"processor time per request at 32 connections, to {theirs.peer.title}"
    ratio = _ratio(theirs, ours, lambda outcome: outcome.median(lambda visit: visit.cpu_us[CROWD]))
    return _verdict(target, f"{LESS_CPU:g}× less", ratio, lambda times: times >= LESS_CPU)


def _as_cheap(ours: Outcome, other: Outcome) -> Verdict:
    target = f"processor time per request of 1,000 rows, {other.peer.title} to {ours.peer.title}"
    ratio = _ratio(other, ours, lambda outcome: outcome.median(lambda visit: visit.cpu_us[BULK]))
    return _verdict(target, f"at most {SAME_CPU:g}×", ratio, lambda times: times <= SAME_CPU)


def _ahead_by_v2(ours: Outcome, theirs: Outcome) -> Verdict:
    target = f"1,000-row requests by /v2, to {theirs.peer.title}"
    ratio = _ratio(ours, theirs, lambda outcome: outcome.load(BULK, lambda load: load.per_second))
    return _verdict(target, "ahead", ratio, lambda times: times > 1)


def _ratio(one: Outcome, other: Outcome, figure: Figure) -> float | None:
    first, second = figure(one), figure(other)
    return first / second if first and second else None


def _verdict(target: str, wanted: str, ratio: float | None, reached: Callable[[float], bool]) -> Verdict:
    if ratio is None:
        return Verdict(target, wanted, "–", None)
    return Verdict(target, wanted, f"{ratio:.2f}×", reached(ratio))


def _least(ours: Outcome, peers: Sequence[Outcome]) -> Verdict:
    """p50 at one connection: ours must be the lowest."""
    mine = _known(ours.load(SINGLE, lambda load: load.p50_ms))
    best = min(peers, key=lambda peer: _known(peer.load(SINGLE, lambda load: load.p50_ms)))
    theirs = _known(best.load(SINGLE, lambda load: load.p50_ms))
    measured = f"{mine:.3f} ms; best peer {theirs:.3f} ms ({best.peer.title})"
    return Verdict("p50 at one connection", "lowest of all", measured, mine < theirs)


def _most(ours: Outcome, peers: Sequence[Outcome]) -> Verdict:
    """1,000-row requests: ours must answer the most."""
    mine = _known(ours.load(BULK, lambda load: load.per_second))
    best = max(peers, key=lambda peer: _known(peer.load(BULK, lambda load: load.per_second)))
    theirs = _known(best.load(BULK, lambda load: load.per_second))
    measured = f"{mine:,.0f}/s; best peer {theirs:,.0f}/s ({best.peer.title})"
    return Verdict("1,000-row requests", "ahead of all", measured, mine > theirs)


def _known(value: float | None) -> float:
    if value is None:
        raise ValueError("a figure of a server that was never measured")
    return value
