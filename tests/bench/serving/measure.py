"""Rounds: in each, every server is started, checked, loaded and ended in turn; medians are taken over the rounds."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bench.serving.fault import BenchError
from tests.bench.serving.load import Load, put_load
from tests.bench.serving.peers import Peer
from tests.bench.serving.processes import cpu_seconds, members, memory_mb
from tests.bench.serving.server import Ready, running

SINGLE, CROWD, BULK = "single", "crowd", "bulk"
CONNECTIONS = {SINGLE: 1, CROWD: 32, BULK: 8}
"""One row over one connection and over 32, and 1,000 rows over 8."""
SETTLE_S = 30.0
IDLE_SHARE = 0.1
"""A server that uses less of a core than this is idle."""
_LOOK_S = 0.2


@dataclass(frozen=True)
class Visit:
    """One server in one round."""

    start_s: float
    memory_mb: float
    """Of all its processes, after the loads."""
    loads: dict[str, Load]
    cpu_us: dict[str, float]
    """Processor time of the server per request, in µs; other work on the machine hardly changes it."""


@dataclass
class Outcome:
    """A server over all rounds; `fault` says why it has fewer than it should."""

    peer: Peer
    versions: dict[str, str] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    fault: str | None = None

    def median(self, of: Callable[[Visit], float]) -> float | None:
        """Return the median of a figure over the rounds, or nothing where there was none."""
        return statistics.median(map(of, self.visits)) if self.visits else None

    def load(self, kind: str, of: Callable[[Load], float]) -> float | None:
        """Return the median of a load's figure."""
        return self.median(lambda visit: of(visit.loads[kind]))


def measure(ready: Sequence[tuple[Ready, Outcome]], rounds: int, seconds: float, warm_seconds: float) -> None:
    """Visit each server once per round, in turn; a server that fails is left out of the later rounds."""
    for number in range(1, rounds + 1):
        for one, outcome in ready:
            if outcome.fault is not None:
                continue
            try:
                outcome.visits.append(_visit(one, seconds, warm_seconds))
            except (BenchError, OSError) as error:
                outcome.fault = f"round {number}: {error}"
            _tell(number, outcome)


def _settle(leader: int) -> None:
    """Wait until the server has worked off what wrk left unanswered when it stopped, or for `SETTLE_S` at most.

    A server that needs 50 ms per answer is busy for a second with the 32 requests of the load before.
    """
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until:
        before = cpu_seconds(members(leader))
        time.sleep(_LOOK_S)
        if _used(before, cpu_seconds(members(leader))) < IDLE_SHARE * _LOOK_S:
            return


def _used(before: dict[int, float], after: dict[int, float]) -> float:
    return sum(total - before.get(pid, 0.0) for pid, total in after.items())


def _visit(ready: Ready, seconds: float, warm_seconds: float) -> Visit:
    loads: dict[str, Load] = {}
    cpu_us: dict[str, float] = {}
    with running(ready) as server:
        put_load(server.port, ready.one, CONNECTIONS[CROWD], warm_seconds, least=0)
        for kind, count in CONNECTIONS.items():
            _settle(server.process.pid)
            before = cpu_seconds(members(server.process.pid))
            loads[kind] = put_load(server.port, ready.many if kind == BULK else ready.one, count, seconds)
            used = _used(before, cpu_seconds(members(server.process.pid)))
            cpu_us[kind] = used / loads[kind].requests * 1e6
        weight = memory_mb(members(server.process.pid))
        ready.check(server.port)
    return Visit(server.start_s, weight, loads, cpu_us)


def _tell(number: int, outcome: Outcome) -> None:
    stamp = time.strftime("%H:%M:%S")
    if outcome.fault is not None:
        print(f"{stamp} {number} {outcome.peer.name}: {outcome.fault}", file=sys.stderr, flush=True)
        return
    visit = outcome.visits[-1]
    crowd, single, bulk = (visit.loads[kind] for kind in (CROWD, SINGLE, BULK))
    print(
        f"{stamp} {number} {outcome.peer.name}: {crowd.per_second:,.0f}/s at 32 (p99 {crowd.p99_ms:.1f} ms), "
        f"{visit.cpu_us[CROWD]:.0f} µs CPU each, p50 {single.p50_ms:.2f} ms at 1, "
        f"{bulk.per_second:,.0f}/s of 1,000 rows, "
        f"{visit.memory_mb:.0f} MB, start {visit.start_s:.2f} s",
        file=sys.stderr,
        flush=True,
    )
