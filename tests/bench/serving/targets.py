"""What our server has to reach, held against what was measured."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.bench.serving.measure import BULK, CROWD, SINGLE, Outcome
from tests.bench.serving.peers import OURS

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
    peers = [outcome for outcome in outcomes if outcome is not ours and outcome.peer.checked and outcome.visits]
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
    mine, other = (outcome.load(CROWD, lambda load: load.per_second) for outcome in (ours, theirs))
    if not mine or not other:
        return Verdict(target, wanted, "–", None)
    return Verdict(target, wanted, f"{mine / other:.2f}×", mine / other >= times)


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
