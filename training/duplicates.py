"""Finds rows that were seen before, by a 64-bit hash of each."""

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]


class SeenRows:
    """The hashes of all rows so far, 8 bytes each, in sorted runs of which each is at least twice as long as the next.

    Two different rows of n have equal hashes with a probability of about n² / 2^65: 7e-7 for five million.
    """

    def __init__(self) -> None:
        self.runs: list[Hashes] = []

    def add(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Take rows in, and tell which of them are the first of their kind."""
        unique, positions = np.unique(hashes, return_index=True)
        new = np.ones(len(unique), dtype=np.bool_)
        for run in self.runs:
            found = np.minimum(np.searchsorted(run, unique), len(run) - 1)
            new &= run[found] != unique
        first = np.zeros(len(hashes), dtype=np.bool_)
        first[positions[new]] = True
        if new.any():
            self._keep(unique[new])
        return first

    def _keep(self, run: Hashes) -> None:
        while self.runs and len(self.runs[-1]) < 2 * len(run):
            run = np.concatenate([self.runs.pop(), run])
            run.sort()
        self.runs.append(run)
