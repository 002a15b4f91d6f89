"""A real server process for tests and benchmarks, and how to ask it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports import free_port

KEY = {"X-API-KEY": "mercadolibre"}
JSON = {**KEY, "Content-Type": "application/json"}
ROOT = Path(__file__).parents[2]


@dataclass
class Reply:
    """A whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RunningServer:
    """A server process, and how to ask it."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(JSON if headers is None else headers))
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """Return a connection to send bytes over."""
        return socket.create_connection((self.host, self.port), timeout=30)

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds} s: {what}; the server's log: {self.log.read_text()[-3000:]}")
            time.sleep(0.02)

    def wait_for_workers(self, count: int = 2) -> None:
        """Wait until this many workers serve all models: the server is ready as soon as the first one does."""
        self.wait(f"{count} workers that serve all models", lambda: self._serve_all(count))

    def _serve_all(self, count: int) -> bool:
        report = self.ask("GET", "/monitor").json
        models = report["models"].values()
        return len(report["workers"]) == count == min([sum(model["workers"].values()) for model in models] or [count])

    def answers(self) -> bool:
        try:
            return self.ask("GET", "/ready").status == 200
        except OSError:
            return False


@contextmanager
def run_server(
    home: Path,
    log: Path,
    ready: bool = True,
    without: tuple[str, ...] = (),
    module: str = "serving",
    code: Path = ROOT,
    stderr: Path | None = None,
    port: int | None = None,
    files: int | None = None,
    **variables: Any,
) -> Iterator[RunningServer]:
    """Start `python -m serving`, on a free port where none is given; stop it after.

    `without` are prefixes of variables to leave out, `files` is how many the server may have open. What it writes goes
    to `log`, or to `stderr` where that is given.
    """
    port = port or free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MOLINO_", *without))},
        "MOLINO_SERVING_HOME": str(home),
        "MOLINO_SERVING_PORT": str(port),
        **{name: str(value) for name, value in variables.items()},
    }
    log.touch()
    with (stderr or log).open("wb") as stream:
        limit = ["prlimit", f"--nofile={files}"] if files else []
        process = subprocess.Popen([*limit, sys.executable, "-m", module], cwd=code, env=environment, stderr=stream)
    server = RunningServer(port, process, log)
    try:
        if ready:
            server.wait("the server is ready", lambda: process.poll() is not None or server.answers())
        assert process.poll() is None, log.read_text()
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
