"""Counters in memory that all workers share, so that any of them can tell the sum.

The memory is mapped before the workers are forked. Each worker writes its own part and nobody else's, so that no
lock crosses processes; a reader adds the parts up. A worker that takes the place of a dead one carries its counts on.

A part is a list of records, each a name and a vector of 64-bit floats (exact for whole numbers up to 2**53):
`size of the record (8 bytes), length of the name (8), the name padded to 8, the values`. The first 8 bytes of the part
are the offset of its end, written last, so that a reader never sees half a record.
"""

import mmap
import struct
import threading
from collections.abc import Iterator
from typing import TypeAlias

Vector: TypeAlias = "memoryview[float]"
"""A writable view of 64-bit floats."""

WORKER_BYTES = 4 * 2**20
"""Address space per worker; pages that are never written cost no memory."""
_WORD = 8
_HEAD = struct.Struct("=qq")
_END = struct.Struct("=q")


class SharedCounters:
    """The shared memory of one server."""

    def __init__(self, slots: int, worker_bytes: int = WORKER_BYTES) -> None:
        self.slots = slots
        self._bytes = worker_bytes
        self._memory = memoryview(mmap.mmap(-1, slots * worker_bytes))

    def worker(self, slot: int) -> "WorkerCounters":
        """Return the writer of one slot; there must be one at a time."""
        return WorkerCounters(self._view(slot))

    def rows(self, prefix: str) -> Iterator[tuple[int, str, list[float]]]:
        """Yield slot, rest of the name and values of each vector whose name starts with a prefix."""
        for slot in range(self.slots):
            for name, values in _records(self._view(slot)):
                if name.startswith(prefix):
                    yield slot, name[len(prefix) :], list(values)

    def totals(self, prefix: str) -> dict[str, list[float]]:
        """Return the sums over all workers, by the rest of the name."""
        sums: dict[str, list[float]] = {}
        for _, name, values in self.rows(prefix):
            known = sums.get(name)
            sums[name] = values if known is None else [a + b for a, b in zip(known, values, strict=False)]
        return sums

    def clear(self, slot: int, prefix: str) -> None:
        """Set a dead worker's vectors to zero: those that say what is, not what was."""
        for name, values in _records(self._view(slot)):
            if name.startswith(prefix):
                values[:] = memoryview(bytes(values.nbytes)).cast("d")

    def _view(self, slot: int) -> memoryview:
        return self._memory[slot * self._bytes : (slot + 1) * self._bytes]


class WorkerCounters:
    """One worker's part of the shared memory."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        if _END.unpack_from(memory)[0] == 0:
            _END.pack_into(memory, 0, _WORD)
        self._lost: dict[int, Vector] = {}

    def vector(self, name: str, size: int) -> Vector:
        """Return the vector of a name, the same one each time; new ones start at zero.

        A full part gives a vector that nobody else sees: counts are lost then, requests are not.
        """
        with self._lock:
            for known, values in _records(self._memory):
                if known == name and len(values) == size:
                    return values
            return self._reuse(name, size) or self._append(name, size)

    def release(self, name: str) -> None:
        """Give a vector's space to the next one of its form."""
        with self._lock:
            for start, length, known in _heads(self._memory):
                if known == name:
                    self._rename(start, length, "")

    def _reuse(self, name: str, size: int) -> "Vector | None":
        room = _padded(len(name.encode())) + size * _WORD
        for start, length, known in _heads(self._memory):
            if not known and length == _HEAD.size + room:
                self._memory[start + _HEAD.size : start + length] = bytes(room)
                self._rename(start, length, name)
                return next(values for found, values in _records(self._memory) if found == name)
        return None

    def _append(self, name: str, size: int) -> Vector:
        start: int = _END.unpack_from(self._memory)[0]
        length = _HEAD.size + _padded(len(name.encode())) + size * _WORD
        if start + length > len(self._memory):
            return self._lost.setdefault(size, memoryview(bytearray(size * _WORD)).cast("d"))
        self._rename(start, length, name)
        _END.pack_into(self._memory, 0, start + length)
        return self._memory[start + length - size * _WORD : start + length].cast("d")

    def _rename(self, start: int, length: int, name: str) -> None:
        text = name.encode()
        self._memory[start + _HEAD.size : start + _HEAD.size + len(text)] = text
        _HEAD.pack_into(self._memory, start, length, len(text))


def _padded(size: int) -> int:
    return -(-size // _WORD) * _WORD


def _heads(memory: memoryview) -> Iterator[tuple[int, int, str]]:
    """Yield start, length and name of each record."""
    end: int = _END.unpack_from(memory)[0]
    start = _WORD
    while start < end:
        length, named = _HEAD.unpack_from(memory, start)
        yield start, length, str(memory[start + _HEAD.size : start + _HEAD.size + named], "utf-8", "replace")
        start += length


def _records(memory: memoryview) -> Iterator[tuple[str, Vector]]:
    for start, length, name in _heads(memory):
        if name:
            first = start + _HEAD.size + _padded(len(name.encode()))
            yield name, memory[first : start + length].cast("d")
