"""What is mounted below a folder: pods' volumes, containers' roots, network namespaces."""

import ctypes
import os
import re
from pathlib import Path

from tests.cluster.fault import ClusterError

DETACH = 2
"""`MNT_DETACH` of umount2(2): out of sight at once, gone when nobody uses it."""
ESCAPED = re.compile(r"\\([0-7]{3})")


def below(folder: Path, table: str | None = None) -> list[Path]:
    """Return the mount points below a folder, deepest and latest first.

    Args:
        folder: Where to look; itself included.
        table: Content of `/proc/self/mounts`; read when not given.
    """
    lines = (table if table is not None else Path("/proc/self/mounts").read_text()).splitlines()
    points = [Path(ESCAPED.sub(lambda found: chr(int(found[1], 8)), line.split()[1])) for line in lines]
    return [point for point in reversed(points) if point.is_relative_to(folder)]


def unmount_below(folder: Path, keep: Path | None = None) -> None:
    """Unmount everything below a folder.

    Args:
        folder: Where; itself included.
        keep: Below this one all stays.

    Raises:
        ClusterError: The kernel refuses one.
    """
    library = ctypes.CDLL(None, use_errno=True)
    for point in below(folder):
        if keep is not None and point.is_relative_to(keep):
            continue
        if library.umount2(os.fsencode(point), DETACH):
            raise ClusterError(f"{point} can't be unmounted: {os.strerror(ctypes.get_errno())}")
