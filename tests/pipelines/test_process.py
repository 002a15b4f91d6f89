import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.process import Child, start, stop, wait_until


def group_is_empty(leader: int) -> bool:
    """Tell whether no process of a group is left; zombies that wait for their parent count as left."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return True
    return False


def started(tmp_path: Path, script: str) -> Child:
    child = start("script", ["bash", "-c", script], tmp_path / "logs" / "script.log", {})
    assert wait_until(lambda: "ready" in child.log.read_text(), 10)
    return child


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    child = start("echo", ["bash", "-c", "echo one; echo $WORD >&2"], tmp_path / "a" / "echo.log", {"WORD": "two"})
    child.process.wait()
    assert child.log.read_text() == "one\ntwo\n"


def test_a_second_start_adds_to_the_log(tmp_path: Path) -> None:
    for _ in range(2):
        start("echo", ["echo", "one"], tmp_path / "echo.log", {}).process.wait()
    assert (tmp_path / "echo.log").read_text() == "one\none\n"


def test_stop_ends_what_the_program_started(tmp_path: Path) -> None:
    child = started(tmp_path, "sleep 600 & sleep 600 & echo ready; wait")
    stop([child])
    assert wait_until(lambda: group_is_empty(child.process.pid), 10)


def test_stop_ends_what_outlives_its_leader(tmp_path: Path) -> None:
    child = started(tmp_path, "(trap '' TERM; echo ready; while true; do sleep 0.1; done) & disown; wait")
    stop([child], grace_seconds=0.5)
    assert wait_until(lambda: group_is_empty(child.process.pid), 10)


def test_stop_kills_what_doesn_t_listen(tmp_path: Path) -> None:
    child = started(tmp_path, "trap '' TERM; echo ready; while true; do sleep 0.1; done")
    stop([child], grace_seconds=0.3)
    assert child.exit_code == -signal.SIGKILL


def test_stop_lets_a_program_end_well(tmp_path: Path) -> None:
    child = started(tmp_path, "trap 'exit 7' TERM; echo ready; while true; do sleep 0.1; done")
    stop([child])
    assert child.exit_code == 7


def test_a_program_runs_behind_others(tmp_path: Path) -> None:
    child = start("nice", ["nice"], tmp_path / "nice.log", {}, nice=5)
    child.process.wait()
    assert int(child.log.read_text()) == os.nice(0) + 5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    parent = (
        "import os, signal, pathlib; from pipelines.process import start\n"
        f"child = start('sleep', ['sleep', '600'], pathlib.Path({str(tmp_path / 'sleep.log')!r}), {{}})\n"
        "print(child.process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=False)
    pid = int(killed.stdout)
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid), 10)


def _is_zombie(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


def test_the_last_words_are_the_last_line_that_says_something(tmp_path: Path) -> None:
    child = start("words", ["printf", "one\\ntwo\\n\\n"], tmp_path / "words.log", {})
    child.process.wait()
    assert child.last_line() == "two"
