from pathlib import Path

from tests.cluster import mounts

TABLE = """\
/dev/vda / ext4 rw 0 0
tmpfs /state/pods/a tmpfs rw 0 0
overlay /state/with\\040blank overlay rw 0 0
tmpfs /state/pods/a/inner tmpfs rw 0 0
tmpfs /stately tmpfs rw 0 0
"""


def test_what_was_mounted_last_comes_first() -> None:
    assert mounts.below(Path("/state"), TABLE)[:1] == [Path("/state/pods/a/inner")]


def test_escaped_blanks_are_read() -> None:
    assert Path("/state/with blank") in mounts.below(Path("/state"), TABLE)


def test_folder_with_the_same_beginning_is_left_alone() -> None:
    assert Path("/stately") not in mounts.below(Path("/state"), TABLE)
