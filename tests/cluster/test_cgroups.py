from pathlib import Path

from tests.cluster import cgroups

HYBRID = """\
tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0
"""
UNIFIED = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"


def test_each_controller_of_version_1_has_a_hierarchy() -> None:
    assert cgroups.hierarchies(HYBRID) == [Path("/sys/fs/cgroup/cpu,cpuacct"), Path("/sys/fs/cgroup/pids")]


def test_version_2_has_one() -> None:
    assert cgroups.hierarchies(UNIFIED) == [Path("/sys/fs/cgroup")]
