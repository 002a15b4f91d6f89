"""What each worker serves, told to all workers, and the drift of what it is asked."""

import os
import time

from serving.inference.model import Model
from serving.metrics.drift import DriftTally
from serving.metrics.shared_counters import SharedCounters, WorkerCounters

SERVES = "serves|"
WORKER = "worker|"


class ServedVersions:
    """One worker's entry in the shared memory."""

    def __init__(self, counters: SharedCounters, own: WorkerCounters, slot: int) -> None:
        self._counters = counters
        self._own = own
        self._tallies: dict[tuple[str, str], DriftTally] = {}
        counters.clear(slot, SERVES)
        process = own.vector(WORKER, 2)
        process[0], process[1] = float(os.getpid()), time.time()

    def prepare(self, model: Model) -> None:
        """Have a model that is about to serve count what it is asked."""
        tally = DriftTally(model.release, self._own)
        self._tallies[model.name, model.version] = tally
        model.observe = tally.observe

    def swapped(self, before: Model | None, after: Model | None) -> None:
        """Tell the others what has been swapped."""
        if after is not None:
            self._own.vector(f"{SERVES}{after.name}|{after.version}", 1)[0] = 1
        if before is not None:
            self._own.vector(f"{SERVES}{before.name}|{before.version}", 1)[0] = 0
            self._tallies.pop((before.name, before.version)).close()

    def flush(self) -> None:
        """Count what models were asked since the last time."""
        for tally in list(self._tallies.values()):
            tally.flush()

    def of(self, model: str) -> dict[str, int]:
        """Return how many workers serve each version of a model."""
        prefix = f"{SERVES}{model}|"
        return {version: int(count) for version, (count,) in sorted(self._counters.totals(prefix).items()) if count}

    def workers(self) -> dict[int, float]:
        """Return the process id and start time of each worker."""
        return {int(pid): started for _, _, (pid, started) in self._counters.rows(WORKER) if pid}


def sign_off(counters: SharedCounters, slot: int) -> None:
    """Strike a dead worker's entry."""
    counters.clear(slot, SERVES)
    counters.clear(slot, WORKER)
