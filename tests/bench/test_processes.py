import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.bench.serving.processes import end, members, memory_mb

CHILD = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}])
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def family() -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A process and its child, which doesn't heed SIGTERM."""
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        child = max(int(line) for line in lines)
        yield process, child
        end(process, members(process.pid) | {child})


def test_members_has_the_child(family: tuple["subprocess.Popen[bytes]", int]) -> None:
    process, child = family
    assert members(process.pid) == {process.pid, child}


def test_memory_is_that_of_two_interpreters(family: tuple["subprocess.Popen[bytes]", int]) -> None:
    process, _ = family
    assert 4 < memory_mb(members(process.pid)) < 100


def test_end_leaves_nothing(family: tuple["subprocess.Popen[bytes]", int]) -> None:
    process, _ = family
    end(process, members(process.pid))
    assert members(process.pid) == {process.pid}
