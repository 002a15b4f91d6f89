"""A small file that may change while the server runs, such as a mounted Secret."""

import time
from pathlib import Path

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
