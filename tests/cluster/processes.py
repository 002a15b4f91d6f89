"""Start the node's programs, remember them by id and start time, and end only those."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.cluster import cgroups, network
from tests.cluster.folders import Folders

CLOCK_FIELD = 19
"""Index of the start time in `/proc/<pid>/stat` after the program's name: clock ticks since the machine started."""

_started: list[subprocess.Popen[bytes]] = []
"""Children of this program: they outlive it, and none of them is waited for when its object goes."""


@dataclass(frozen=True)
class Process:
    """A process that was started here. The start time tells it from a later one with the same id."""

    name: str
    pid: int
    started: int

    def is_alive(self) -> bool:
        """Tell whether it still runs."""
        return start_time(self.pid) == self.started

    def end(self, grace: float) -> None:
        """Ask it to end, and kill it after `grace` seconds."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # The handle keeps the id from being used again; what it stands for is looked at after it was had.
            if self.is_alive():
                signal.pidfd_send_signal(handle, signal.SIGTERM)
                ended = select.poll()
                ended.register(handle, select.POLLIN)
                if not ended.poll(grace * 1000):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    ended.poll(grace * 1000)
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since the machine did; None when it is gone or a zombie."""
    try:
        # The name in brackets may itself hold blanks and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[CLOCK_FIELD])


def start(folders: Folders, name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> Process:
    """Start a program in the node's network and control group, with its output in a log, and record it."""
    log = folders.logs / f"{name}.log"
    with log.open("ab") as output:
        # Not `ip netns exec`: that mounts /sys anew, and the kubelet would find no control groups there.
        started = subprocess.Popen(
            ["nsenter", f"--net={network.NAMESPACE_FILE}", *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
            preexec_fn=cgroups.join,
        )
    _started.append(started)
    process = Process(name, started.pid, start_time(started.pid) or 0)
    _record(folders, name).parent.mkdir(parents=True, exist_ok=True)
    _record(folders, name).write_text(json.dumps(asdict(process)))
    return process


def recorded(folders: Folders) -> dict[str, Process]:
    """Return what was started, alive or not."""
    records = sorted((folders.node / "processes").glob("*.json"))
    return {path.stem: Process(**json.loads(path.read_text())) for path in records}


def end(folders: Folders, name: str, grace: float = 3) -> None:
    """End a recorded process, and forget it."""
    process = recorded(folders).get(name)
    if process:
        process.end(grace)
        _record(folders, name).unlink()


def _record(folders: Folders, name: str) -> Path:
    return folders.node / "processes" / f"{name}.json"
