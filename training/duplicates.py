"""Finds rows that were seen before, by a 64-bit hash of each."""

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
SLOT_BITS = 26
RUNS_AT_MOST = 8


class SeenRows:
    """The hashes of all rows so far: 8 bytes each in sorted runs, and 64 MiB of slots that spare most searches.

    Two different rows of n have equal hashes with a probability of about n² / 2^65: 7e-7 for five million.
    """

    def __init__(self) -> None:
        self.slots = np.zeros(1 << SLOT_BITS, dtype=np.bool_)
        """Which leading bits some hash has had."""
        self.runs: list[Hashes] = []

    def add(self, hashes: Hashes) -> Mask:
        """Take rows in, and tell which of them are the first of their kind."""
        unique = np.sort(hashes)
        first = np.ones(len(hashes), dtype=np.bool_)
        if (unique[1:] == unique[:-1]).any():
            unique, positions = np.unique(hashes, return_index=True)
            first[:] = False
            first[positions] = True
        slots = (unique >> np.uint64(64 - SLOT_BITS)).astype(np.int64)
        suspects = unique[self.slots[slots]]
        known = suspects[self._known(suspects)]
        if len(known):
            first &= ~np.isin(hashes, known)
            unique = np.setdiff1d(unique, known, assume_unique=True)
        self.slots[slots] = True
        self._keep(unique)
        return first

    def _known(self, hashes: Hashes) -> Mask:
        """Look hashes up; in ascending order this is several times faster."""
        known = np.zeros(len(hashes), dtype=np.bool_)
        for run in self.runs:
            found = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            known |= run[found] == hashes
        return known

    def _keep(self, run: Hashes) -> None:
        """Add a run; join the short ones when there are too many, so that each hash is sorted a few times at most."""
        if len(run):
            self.runs.append(run)
        if len(self.runs) <= RUNS_AT_MOST:
            return
        short = [known for known in self.runs if len(known) <= RUNS_AT_MOST * len(run)]
        long = [known for known in self.runs if len(known) > RUNS_AT_MOST * len(run)]
        joined = np.sort(np.concatenate(short if len(short) > 1 else self.runs))
        self.runs = [*long, joined] if len(short) > 1 else [joined]
