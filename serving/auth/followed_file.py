"""A small file that may change while the server runs, such as a mounted Secret, and what is read from it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from molino.contracts.errors import SettingsError

Read = TypeVar("Read")

YOUNG_NS = 10**9
"""A file changed less than so long ago is read again even where it looks the same: a clock tick may hide a change."""


class FollowedFile:
    """Tells what a file holds whenever that is something new."""

    def __init__(self, path: Path, largest: int) -> None:
        """Follow a file of at most so many bytes."""
        self.path = path
        self._largest = largest
        self._stamp: tuple[int, ...] | None = None
        self._content: bytes | None = None

    def read_changed(self) -> bytes | None:
        """Return what the file holds, or none where that was returned before.

        Raises:
            OSError: it can't be read.
            ValueError: it is too large.
        """
        found = self.path.stat()
        stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if stamp == self._stamp:
            return None
        with self.path.open("rb") as stream:
            content = stream.read(self._largest + 1)
        if len(content) > self._largest:
            raise ValueError(f"it is larger than {self._largest} bytes")
        self._stamp = stamp if time.time_ns() - found.st_mtime_ns > YOUNG_NS else None
        if content == self._content:
            return None
        self._content = content
        return content


class Followed(Generic[Read]):
    """What was read last; it stays where something newer can't be read."""

    def __init__(self, read: Read, read_changed: Callable[[], Read | None], complaint: str) -> None:
        """Begin with what was read first.

        Args:
            read: that.
            read_changed: returns what there is where it has changed; raises SettingsError where it can't be read.
            complaint: what the log says of that.
        """
        self.read = read
        self.fault: str | None = None
        """Why it couldn't be read the last time."""
        self._read_changed = read_changed
        self._complaint = complaint
        self._lock = threading.Lock()

    def refresh(self) -> bool:
        """Take over what has changed, and return whether anything had.

        Where another thread is about to take it over, it has done so when this returns.
        """
        with self._lock:
            try:
                read = self._read_changed()
            except SettingsError as error:
                if str(error) != self.fault:
                    structlog.get_logger().error(self._complaint, cause=str(error))
                self.fault = str(error)
                return False
            if read is None:
                return False
            self.read, self.fault = read, None
            return True
