"""The processes of a server: found, weighed, ended. Linux: it reads /proc."""

import os
import signal
import subprocess
import time
from pathlib import Path

GRACE_S = 10.0
_STATE, _PARENT, _SESSION, _USER, _KERNEL, _STARTED = 0, 1, 3, 11, 12, 19
"""Fields of /proc/<pid>/stat behind the name of the program."""
_ENDED = "Z"


def members(leader: int) -> set[int]:
    """Return `leader` with all processes of the session that it began, and all of its descendants."""
    parents: dict[int, int] = {}
    found = {leader}
    for folder in Path("/proc").iterdir():
        fields = _stat(folder) if folder.name.isdigit() else None
        if fields is not None and fields[_STATE] != _ENDED:
            parents[int(folder.name)] = int(fields[_PARENT])
            if int(fields[_SESSION]) == leader:
                found.add(int(folder.name))
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def memory_mb(pids: set[int]) -> float:
    """Return the proportional set size of some processes, in MB: pages that several share are counted once."""
    return sum(_pss_kb(pid) for pid in pids) * 1024 / 1e6


def cpu_seconds(pids: set[int]) -> dict[int, float]:
    """Return the processor time that each process has used, in user and kernel mode."""
    ticks = os.sysconf("SC_CLK_TCK")
    fields = {pid: _stat(Path("/proc") / str(pid)) for pid in pids}
    return {pid: (int(one[_USER]) + int(one[_KERNEL])) / ticks for pid, one in fields.items() if one}


def end(process: "subprocess.Popen[bytes]", pids: set[int]) -> None:
    """Ask the leader to stop; after a while kill whatever is left of it and its children, by pid."""
    began = {pid: _began(pid) for pid in pids}
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
    until = time.monotonic() + 2.0
    while time.monotonic() < until and any(_began(pid) == start for pid, start in began.items() if start):
        process.poll()
        time.sleep(0.02)
    for pid, start in began.items():
        if start and _began(pid) == start:
            os.kill(pid, signal.SIGKILL)
    process.wait()
    until = time.monotonic() + GRACE_S
    while time.monotonic() < until and any(_began(pid) == start for pid, start in began.items() if start):
        time.sleep(0.02)


def _stat(folder: Path) -> list[str] | None:
    """Return the fields behind the name of the program, or nothing where the process has ended."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _began(pid: int) -> str | None:
    """Return a process's start time in clock ticks, which tells it from a later one with the same id."""
    fields = _stat(Path("/proc") / str(pid))
    return None if fields is None or fields[_STATE] == _ENDED else fields[_STARTED]


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
