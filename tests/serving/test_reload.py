"""The server that is started again at SIGHUP, with code that has changed meanwhile."""

import shutil
import signal
import sys
from pathlib import Path

import pytest
from running_server import ROOT, RunningServer, run_server

from serving.reload import run


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the server's code."""
    for package in ("molino", "serving"):
        shutil.copytree(ROOT / package, tmp_path / "code" / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "code"


def status(server: RunningServer, path: str) -> int | None:
    try:
        return server.ask("GET", path).status
    except OSError:
        return None


def test_changed_code_serves_after_a_hangup(code: Path, releases: Path, tmp_path: Path) -> None:
    with run_server(releases, tmp_path / "log", module="serving.reload", code=code) as server:
        before = server.ask("GET", "/ping").status
        app = code / "serving" / "routes" / "table.py"
        app.write_text(app.read_text().replace('"/ping"', '"/pong"'))
        server.process.send_signal(signal.SIGHUP)
        server.wait("the new code answers", lambda: status(server, "/pong") == 200)
    assert (before, server.process.returncode) == (200, 0)


def test_a_server_that_ends_by_itself_ends_the_reloader() -> None:
    assert run((sys.executable, "-c", "raise SystemExit(7)")) == 7


def test_a_program_finds_no_signal_blocked() -> None:
    blocked = "import signal, sys; sys.exit(len(signal.pthread_sigmask(signal.SIG_BLOCK, ())))"
    assert run((sys.executable, "-c", blocked)) == 0
