"""Counters in memory that all workers share, so that any of them can tell the sum.

The memory is mapped before the workers are forked. Each worker writes its own part and nobody else's, so that no
lock crosses processes; a reader adds the parts up. A worker that takes the place of a dead one carries its counts on.

A part is a list of records, each a name and a vector of 64-bit floats (exact for whole numbers up to 2**53):
`size of the record (8 bytes), length of the name (8), the name padded to 8, the values`. It begins with the offset of
its end and how often a record was renamed, both written after what they speak of: a reader never sees half a record,
and keeps what it knows of the part until one of them changes.
"""

import mmap
import struct
import threading
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import structlog
from numpy.typing import NDArray

Vector: TypeAlias = "memoryview[float]"
"""A writable view of 64-bit floats."""

WORKER_BYTES = 32 * 2**20
"""Address space per worker; pages that are never written cost no memory."""
TEXT_BYTES = 512
_WORD = 8
_HEAD = struct.Struct("=qq")
_PART = struct.Struct("=qq")
_FIRST = _PART.size


def joined(*parts: str) -> str:
    """Return parts as one name that `parted` takes apart again, whatever characters they have."""
    return "|".join(part.encode("utf-8", "replace").decode().replace("%", "%25").replace("|", "%7C") for part in parts)


def parted(name: str) -> list[str]:
    """Return the parts of a name."""
    return [part.replace("%7C", "|").replace("%25", "%") for part in name.split("|")]


class Room(NamedTuple):
    """How much of the shared memory is taken."""

    used: int
    """Bytes of the fullest part."""
    size: int
    """Bytes of each part."""
    lost: int
    """Vectors that found no room: what is counted in them is seen by nobody."""


class SharedCounters:
    """The shared memory of one server."""

    def __init__(self, slots: int, worker_bytes: int = WORKER_BYTES) -> None:
        self.slots = slots
        self._bytes = worker_bytes
        self._memory = memoryview(mmap.mmap(-1, slots * worker_bytes))
        self._floats: NDArray[np.float64] = np.frombuffer(self._memory, np.float64)
        self._layouts = [_Layout() for _ in range(slots)]
        self._lock = threading.Lock()

    def worker(self, slot: int) -> "WorkerCounters":
        """Return the writer of one slot; there must be one at a time."""
        return WorkerCounters(self._view(slot))

    def rows(self, prefix: str) -> Iterator[tuple[int, str, NDArray[np.float64]]]:
        """Yield slot, rest of the name and values, as they are now, of each vector whose name starts with a prefix."""
        for slot in range(self.slots):
            first = slot * self._bytes // _WORD
            with self._lock:
                found = self._layouts[slot].read(self._view(slot)).find(prefix)
            for name, start, stop in found:
                yield slot, name[len(prefix) :], self._floats[first + start : first + stop]

    def sums(self, prefix: str) -> dict[str, NDArray[np.float64]]:
        """Return the sums over all workers, by the rest of the name."""
        sums: dict[str, NDArray[np.float64]] = {}
        for _, name, values in self.rows(prefix):
            known = sums.get(name)
            sums[name] = values.copy() if known is None or len(known) != len(values) else known + values
        return sums

    def totals(self, prefix: str) -> dict[str, list[float]]:
        """Return the sums over all workers as lists, by the rest of the name."""
        return {name: values.tolist() for name, values in self.sums(prefix).items()}

    def texts(self, prefix: str) -> dict[str, str]:
        """Return the texts whose name starts with a prefix, by the rest of the name; of several workers, one's."""
        told: dict[str, str] = {}
        for _, name, values in self.rows(prefix):
            text = values.tobytes().rstrip(b"\0").decode("utf-8", "replace")
            if text:
                told.setdefault(name, text)
        return told

    def room(self) -> Room:
        """Return how much is taken."""
        used = max(_PART.unpack_from(self._view(slot))[0] for slot in range(self.slots))
        lost = sum(int(values[0]) for _, _, values in self.rows(LOST))
        return Room(used, self._bytes, lost)

    def clear(self, slot: int, prefix: str) -> None:
        """Set a dead worker's vectors to zero: those that say what is, not what was."""
        for found, _, values in self.rows(prefix):
            if found == slot:
                values[:] = 0

    def _view(self, slot: int) -> memoryview:
        return self._memory[slot * self._bytes : (slot + 1) * self._bytes]


LOST = "lost|"


class WorkerCounters:
    """One worker's part of the shared memory."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        if _PART.unpack_from(memory)[0] == 0:
            _PART.pack_into(memory, 0, _FIRST, 0)
        self._starts: dict[tuple[str, int], int] = {}
        """Name and length of each record to where it starts; those given back have no name."""
        self._free: dict[int, list[int]] = {}
        for start, length, name in _heads(memory, _FIRST, _PART.unpack_from(memory)[0]):
            self._keep(start, length, name)
        self._dropped: dict[int, Vector] = {}
        self._lost = self.vector(LOST, 1)

    def vector(self, name: str, size: int) -> Vector:
        """Return the vector of a name, the same one each time; new ones start at zero.

        A full part gives a vector that nobody else sees: counts are lost then, requests are not.
        """
        return self.find_or_add(name, size) or self._drop(size)

    def find_or_add(self, name: str, size: int) -> "Vector | None":
        """Return the vector of a name; none where the part is full."""
        length = _HEAD.size + _padded(len(name.encode())) + size * _WORD
        with self._lock:
            start = self._starts.get((name, length))
            if start is None:
                start = self._reuse(name, length)
            if start is None:
                start = self._append(name, length)
            return None if start is None else self._memory[start + length - size * _WORD : start + length].cast("d")

    def write_text(self, name: str, text: str) -> None:
        """Have a text told under a name, cut where it is long; an empty one is told as none."""
        data = text.encode("utf-8", "replace")[:TEXT_BYTES]
        vector = self.find_or_add(name, TEXT_BYTES // _WORD) if text else self._known(name)
        if vector is not None:
            vector.cast("B")[:] = data.ljust(TEXT_BYTES, b"\0")

    def release(self, name: str) -> None:
        """Give a vector's space to the next one of its form."""
        with self._lock:
            for known, length in [key for key in self._starts if key[0] == name]:
                start = self._starts.pop((known, length))
                self._rename(start, length, "")
                self._free.setdefault(length, []).append(start)

    def _known(self, name: str) -> "Vector | None":
        length = _HEAD.size + _padded(len(name.encode())) + TEXT_BYTES
        start = self._starts.get((name, length))
        return None if start is None else self._memory[start + length - TEXT_BYTES : start + length].cast("d")

    def _keep(self, start: int, length: int, name: str) -> None:
        if name:
            self._starts[name, length] = start
        else:
            self._free.setdefault(length, []).append(start)

    def _reuse(self, name: str, length: int) -> int | None:
        free = self._free.get(length)
        if not free:
            return None
        start = free.pop()
        self._memory[start + _HEAD.size : start + length] = bytes(length - _HEAD.size)
        self._rename(start, length, name)
        self._starts[name, length] = start
        return start

    def _append(self, name: str, length: int) -> int | None:
        start, renamed = _PART.unpack_from(self._memory)
        if start + length > len(self._memory):
            return None
        self._write_name(start, length, name)
        _PART.pack_into(self._memory, 0, start + length, renamed)
        self._starts[name, length] = start
        return int(start)

    def _drop(self, size: int) -> Vector:
        if not self._dropped:
            structlog.get_logger().error("the shared counters are full: new ones are counted by nobody")
        if size not in self._dropped:
            self._dropped[size] = memoryview(bytearray(size * _WORD)).cast("d")
        self._lost[0] += 1
        return self._dropped[size]

    def _rename(self, start: int, length: int, name: str) -> None:
        self._write_name(start, length, name)
        end, renamed = _PART.unpack_from(self._memory)
        _PART.pack_into(self._memory, 0, end, renamed + 1)

    def _write_name(self, start: int, length: int, name: str) -> None:
        text = name.encode()
        self._memory[start + _HEAD.size : start + _HEAD.size + len(text)] = text
        _HEAD.pack_into(self._memory, start, length, len(text))


class _Layout:
    """Where the vectors of one part are, read once and kept until the part changes."""

    def __init__(self) -> None:
        self._end = _FIRST
        self._renamed = 0
        self._groups: dict[str, list[tuple[str, int, int]]] = {}
        """By the name's first part: name, and first and last place of the values in words."""

    def read(self, part: memoryview) -> "_Layout":
        """Read what is new."""
        end, renamed = _PART.unpack_from(part)
        if renamed != self._renamed:
            self._end, self._groups, self._renamed = _FIRST, {}, renamed
        for start, length, name in _heads(part, self._end, end):
            if name:
                first = start + _HEAD.size + _padded(len(name.encode()))
                group = name[: name.find("|") + 1] or name
                self._groups.setdefault(group, []).append((name, first // _WORD, (start + length) // _WORD))
        self._end = max(self._end, end)
        return self

    def find(self, prefix: str) -> list[tuple[str, int, int]]:
        """Return the vectors whose name starts with a prefix."""
        return [
            record
            for group, records in self._groups.items()
            if group.startswith(prefix) or prefix.startswith(group)
            for record in records
            if record[0].startswith(prefix)
        ]


def _padded(size: int) -> int:
    return -(-size // _WORD) * _WORD


def _heads(memory: memoryview, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """Yield start, length and name of each record between two offsets."""
    while start < end:
        length, named = _HEAD.unpack_from(memory, start)
        yield start, length, str(memory[start + _HEAD.size : start + _HEAD.size + named], "utf-8", "replace")
        start += length
