"""A server as a process of its own: prepared, started, waited for, measured, ended with all its children."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.serving.environments import PEERS, ROOT, environment
from tests.bench.serving.fault import BenchError
from tests.bench.serving.peers import Peer
from tests.bench.serving.processes import end, members
from tests.bench.serving.question import Question, Rows, ask, difference, question

TOLERANCE = 1e-3
"""Of predictions in 1,000 USD, whose spread is 9: room for float32 and for JSON's digits, none for a wrong row."""
_POLL_S = 0.005
_PREPARE_TIMEOUT_S = 180
_INHERITED = ("HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME")


@dataclass(frozen=True)
class Ready:
    """A peer that can be started: installed, prepared, its questions and the right answers at hand."""

    peer: Peer
    python: Path
    work: Path
    model: Path
    one: Question
    many: Question
    expected: list[float]

    def check(self, port: int) -> None:
        """Ask one row and many, and compare the answers with the expected ones.

        Raises:
            BenchError: an answer is wrong.
            OSError: nothing listens yet.
        """
        for asked, count in ((self.one, 1), (self.many, len(self.expected))):
            answer = ask(port, asked)
            if self.peer.checked:
                off = difference(self.peer.form, answer, self.expected[:count])
                if off > TOLERANCE:
                    raise BenchError(f"{self.peer.name}: a prediction is off by {off:.3g}, not timed")


@dataclass(frozen=True)
class Running:
    """A server that has given right answers."""

    process: subprocess.Popen[bytes]
    port: int
    start_s: float
    """From the start of the process to the first right answer to one row."""


def get_ready(peer: Peer, model: Path, work: Path) -> Ready:
    """Install and prepare a peer.

    Raises:
        BenchError: it can't be installed or prepared.
    """
    python = environment(peer.environment) if peer.environment else Path(sys.executable)
    work.mkdir(parents=True)
    rows: Rows = json.loads((model / "rows.json").read_text())
    if peer.prepare:
        with free_ports(3) as ports:
            filled = _places(peer, python, work, ports)
            variables = _variables(peer, model, work, ports, filled)
        command = [part.format_map(filled) for part in peer.prepare]
        run = subprocess.run(
            command, cwd=ROOT if peer.environment is None else work, env=variables, capture_output=True, text=True,
            check=False, timeout=_PREPARE_TIMEOUT_S,
        )  # fmt: skip
        if run.returncode:
            raise BenchError(f"{peer.name} can't be prepared: {run.stderr.strip()[-1500:]}")
    own = work / "expected.json"
    expected = json.loads((own if own.is_file() else model / "expected.json").read_text())
    one, many = (question(peer.form, asked, peer.headers) for asked in (rows[:1], rows))
    return Ready(peer, python, work, model, one, many, expected)


@contextmanager
def running(ready: Ready) -> Iterator[Running]:
    """Start a server, wait for its first right answer, and end it with all of its processes.

    Raises:
        BenchError: it ends or stays silent, or its answers are wrong; the message ends with its last log lines.
    """
    peer = ready.peer
    with free_ports(3) as ports:
        filled = _places(peer, ready.python, ready.work, ports)
        variables = _variables(peer, ready.model, ready.work, ports, filled)
    log = ready.work / "server.log"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [part.format_map(filled) for part in peer.command],
            cwd=ROOT if peer.environment is None else ready.work,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(ready, process, ports[0], log)
        took = time.perf_counter() - began
        ready.check(ports[0])
        yield Running(process, ports[0], took)
    finally:
        end(process, members(process.pid))


@contextmanager
def free_ports(count: int) -> Iterator[tuple[int, ...]]:
    """Give ports of 127.0.0.1 that the system says are free; they are free again when this is left."""
    with ExitStack() as stack:
        ports = []
        for _ in range(count):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports.append(int(listener.getsockname()[1]))
        yield tuple(ports)


def _wait(ready: Ready, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Ask one row until the answer is right."""
    until = time.monotonic() + ready.peer.start_timeout_s
    said = "no answer"
    while time.monotonic() < until:
        if process.poll() is not None:
            raise BenchError(f"{ready.peer.name} ended by itself ({process.returncode}): {_tail(log)}")
        try:
            answer = ask(port, ready.one)
        except (OSError, BenchError) as error:
            said = str(error)
            time.sleep(_POLL_S)
            continue
        if ready.peer.checked and difference(ready.peer.form, answer, ready.expected[:1]) > TOLERANCE:
            raise BenchError(f"{ready.peer.name} answers wrong: {answer[:300]!r}")
        return
    raise BenchError(f"{ready.peer.name} gave no answer in {ready.peer.start_timeout_s:.0f} s ({said}): {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:].strip()


def _places(peer: Peer, python: Path, work: Path, ports: tuple[int, ...]) -> dict[str, str]:
    return {
        "python": str(python),
        "bin": str(python.parent),
        "work": str(work),
        "app": str(PEERS / (peer.environment or "")),
        **{name: str(port) for name, port in zip(("port", "port_2", "port_3"), ports, strict=True)},
    }


def _variables(peer: Peer, model: Path, work: Path, ports: tuple[int, ...], filled: dict[str, str]) -> dict[str, str]:
    """Return the whole environment: little is inherited, so that all peers run in the same one."""
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "PATH": f"{filled['bin']}:{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(PEERS / peer.environment) if peer.environment else str(ROOT),
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "BENCH_MODEL": str(model),
        "BENCH_WORK": str(work),
        "BENCH_PORT": str(ports[0]),
        **{name: value.format_map(filled) for name, value in peer.variables.items()},
    }
