"""What each worker serves, told to all workers, and the drift of what it is asked."""

import os
import time

from serving.board import Board, Slab
from serving.drift import DriftTally
from serving.model import Model

SERVES = "serves|"
WORKER = "worker|"


class Roster:
    """One worker's entry on the board."""

    def __init__(self, board: Board, slab: Slab, slot: int) -> None:
        self._board = board
        self._slab = slab
        self._tallies: dict[tuple[str, str], DriftTally] = {}
        board.clear(slot, SERVES)
        process = slab.vector(WORKER, 2)
        process[0], process[1] = float(os.getpid()), time.time()

    def prepare(self, model: Model) -> None:
        """Have a model that is about to serve count what it is asked."""
        tally = DriftTally(model.release, self._slab)
        self._tallies[model.name, model.version] = tally
        model.observe = tally.observe

    def swapped(self, before: Model | None, after: Model | None) -> None:
        """Tell the others what has been swapped."""
        if after is not None:
            self._slab.vector(f"{SERVES}{after.name}|{after.version}", 1)[0] = 1
        if before is not None:
            self._slab.vector(f"{SERVES}{before.name}|{before.version}", 1)[0] = 0
            self._tallies.pop((before.name, before.version)).close()

    def flush(self) -> None:
        """Count what models were asked since the last time."""
        for tally in list(self._tallies.values()):
            tally.flush()

    def versions(self, model: str) -> dict[str, int]:
        """Return how many workers serve each version of a model."""
        prefix = f"{SERVES}{model}|"
        return {version: int(count) for version, (count,) in sorted(self._board.totals(prefix).items()) if count}

    def workers(self) -> dict[int, float]:
        """Return the process id and start time of each worker."""
        return {int(pid): started for _, _, (pid, started) in self._board.rows(WORKER) if pid}


def sign_off(board: Board, slot: int) -> None:
    """Strike a dead worker's entry."""
    board.clear(slot, SERVES)
    board.clear(slot, WORKER)
