"""What each worker serves and fails to serve, told to all workers, and the drift of what it is asked."""

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial

from serving.inference.model import Model
from serving.metrics.drift import DAY, HOUR, Drift, DriftTally, Expected, Seen, read_drift, read_seen
from serving.metrics.shared_counters import SharedCounters, WorkerCounters, joined, parted

SERVES = "serves|"
WORKER = "worker|"
FAILURE = "failure|"
"""Why the deployed version of a model isn't served, by model."""
FAULT = "fault|"
"""Why a model that is served failed when it was last run, by model and version."""
ENTRIES = (SERVES, WORKER, FAILURE, FAULT)


class ServedVersions:
    """One worker's entry in the shared memory."""

    def __init__(
        self, counters: SharedCounters, own: WorkerCounters, slot: int, windows: Sequence[float] = (HOUR, DAY)
    ) -> None:
        self.windows = windows
        self._counters = counters
        self._own = own
        self._tallies: dict[tuple[str, str], DriftTally] = {}
        self._failures: set[str] = set()
        sign_off(counters, slot)
        process = own.vector(WORKER, 2)
        process[0], process[1] = float(os.getpid()), time.time()

    def prepare(self, model: Model) -> None:
        """Have a model that is about to serve count what it is asked."""
        tally = DriftTally(model.release, self._own, self.windows)
        self._tallies[model.name, model.version] = tally
        model.observe, model.observe_row = tally.observe, tally.observe_row
        model.tell_fault = partial(self._own.write_text, FAULT + joined(model.name, model.version))

    def tell(self, failures: Mapping[str, str]) -> None:
        """Tell the others what can't be served, and why."""
        for name in self._failures - failures.keys():
            self._own.write_text(FAILURE + joined(name), "")
        for name, cause in failures.items():
            self._own.write_text(FAILURE + joined(name), cause)
        self._failures = set(failures)

    def failures(self) -> dict[str, str]:
        """Return why models fail in any worker, by name; `` for the pointer file itself."""
        told = {parted(name)[0]: cause for name, cause in self._counters.texts(FAILURE).items()}
        for key, fault in self._counters.texts(FAULT).items():
            name, version = parted(key)
            told.setdefault(name, f"version {version} failed when it was run: {fault}")
        return told

    def swapped(self, before: Model | None, after: Model | None) -> None:
        """Tell the others what has been swapped."""
        if after is not None:
            self._own.vector(SERVES + joined(after.name, after.version), 1)[0] = 1
        if before is not None:
            self._own.vector(SERVES + joined(before.name, before.version), 1)[0] = 0
            before.tell_fault = None
            self._own.write_text(FAULT + joined(before.name, before.version), "")
            self._tallies.pop((before.name, before.version)).close()

    def seen(self) -> dict[str, Seen]:
        """Return what all workers counted of the values of each release."""
        return read_seen(self._counters, self.windows)

    def drift(self, model: Model, seen: Mapping[str, Seen]) -> dict[str, list[Drift]]:
        """Return the drift of each feature of a model in each window."""
        tally = self._tallies.get((model.name, model.version))
        return read_drift(seen, model.release, tally.expected, self.windows) if tally else {}

    def expected(self, model: Model) -> Expected | None:
        """Return what the reference of a model says."""
        tally = self._tallies.get((model.name, model.version))
        return tally.expected if tally else None

    def flush(self) -> None:
        """Count what models were asked since the last time."""
        for tally in list(self._tallies.values()):
            tally.flush()

    def all(self) -> dict[str, dict[str, int]]:
        """Return how many workers serve each version of each model."""
        served: dict[str, dict[str, int]] = {}
        for key, (count,) in sorted(self._counters.totals(SERVES).items()):
            if count:
                name, version = parted(key)
                served.setdefault(name, {})[version] = int(count)
        return served

    def of(self, model: str) -> dict[str, int]:
        """Return how many workers serve each version of a model."""
        return self.all().get(model, {})

    def workers(self) -> dict[int, float]:
        """Return the process id and start time of each worker."""
        return {int(pid): float(started) for _, _, (pid, started) in self._counters.rows(WORKER) if pid}


def sign_off(counters: SharedCounters, slot: int) -> None:
    """Strike a dead worker's entry."""
    for prefix in ENTRIES:
        counters.clear(slot, prefix)
