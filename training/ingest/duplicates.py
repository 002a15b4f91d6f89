"""Finds rows that were seen before, by a 64-bit hash of each."""

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
RowNumbers = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]
SLOT_BITS = 24
PART_ROWS = 1 << 17


class SeenRows:
    """A hash table of all rows so far, counted from 1: 16 to 20 bytes each, 64 MiB at least.

    Two different rows of n have equal hashes with a probability of about n² / 2^65: 7e-7 for five million.
    """

    def __init__(self, bits: int = SLOT_BITS) -> None:
        self.rows = 0
        self._make(bits)

    def _make(self, bits: int) -> None:
        self.bits = bits
        self.latest: RowNumbers = np.zeros(1 << bits, dtype=np.uint32)
        """The latest row whose hash begins with these bits; 0 where there is none."""
        self.earlier: RowNumbers = np.empty((1 << bits) + 1, dtype=np.uint32)
        """Of each row, the one before it whose hash begins with the same bits."""
        self.hashes: Hashes = np.empty((1 << bits) + 1, dtype=np.uint64)

    def add(self, hashes: Hashes) -> Mask:
        """Take rows in, and tell which of them are the first of their kind."""
        while self.rows + len(hashes) > len(self.latest):
            self._grow()
        start, self.rows = self.rows + 1, self.rows + len(hashes)
        self.hashes[start : self.rows + 1] = hashes
        return self._link(start, self.rows + 1)

    def _grow(self) -> None:
        hashes = self.hashes[: self.rows + 1]
        self._make(self.bits + 1)
        self.hashes[: self.rows + 1] = hashes
        for start in range(1, self.rows + 1, PART_ROWS):
            self._link(start, min(start + PART_ROWS, self.rows + 1))

    def _link(self, start: int, end: int) -> Mask:
        """Link rows to the earlier ones, unless they are equal to one of them; tell which are linked."""
        rows, hashes = np.arange(start, end, dtype=np.uint32), self.hashes[start:end]
        first = np.ones(len(rows), dtype=np.bool_)
        slots = (hashes >> np.uint64(64 - self.bits)).astype(np.intp)
        while len(rows):
            latest = self.latest[slots]
            new = self._new(hashes, latest)
            if not new.all():
                first[rows[~new] - start] = False
                rows, hashes, slots, latest = rows[new], hashes[new], slots[new], latest[new]
            # Of several rows for one slot the last that is written stays: the first of them. The others come next.
            self.latest[slots[::-1]] = rows[::-1]
            self.earlier[rows] = latest
            left = np.flatnonzero(self.latest[slots] != rows)
            rows, hashes, slots = rows[left], hashes[left], slots[left]
        return first

    def _new(self, hashes: Hashes, rows: RowNumbers) -> Mask:
        """Tell which hashes none of the linked rows has, of which the latest are given."""
        new = np.ones(len(hashes), dtype=np.bool_)
        left = np.flatnonzero(rows)
        rows = rows[left]
        while len(left):
            same = self.hashes[rows] == hashes[left]
            new[left[same]] = False
            rows = self.earlier[rows]
            more = np.flatnonzero(rows.astype(np.bool_) & ~same)
            left, rows = left[more], rows[more]
        return new
