"""How the first process of a container takes SIGTERM, in a process namespace of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parents[2] / "images" / "base"
ALONE = ("unshare", "--pid", "--fork", *(() if os.getuid() == 0 else ("--user", "--map-root-user")))
READY = "import os; print(os.getpid(), flush=True);"
FORKS = "child = os.fork(); os.kill(child, 15) if child else time.sleep(600); sys.exit(os.waitpid(child, 0)[1]);"


@contextmanager
def first_process(program: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a program as the first process of a namespace; what is handed out is the one that waits for it."""
    command = [*ALONE, sys.executable, "-c", f"import sys, time; {READY} {program}"]
    environment = {**os.environ, "PYTHONPATH": str(BASE)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        if process.stdout.readline() != "1\n":
            pytest.skip("no process namespace can be made here")
        yield process


def test_it_ends_when_it_is_told_to() -> None:
    with first_process("time.sleep(600)") as process:
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM


def test_a_fork_of_it_ends_as_any_other_process_does() -> None:
    with first_process(FORKS) as process:
        assert process.wait(30) == signal.SIGTERM
