"""Runs of a model that trains in a moment: changed, rejected, refused, and ended in the middle."""

import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from embedded import HOST, Ended, Home, alive, children, command_line, descendants, interrupt, quick_home, wait_for
from notice_receivers import Hook

pytestmark = pytest.mark.embedded


@dataclass(frozen=True)
class Stayed:
    """A run that stayed with all its services until Ctrl-C, and what came of a second one beside it."""

    home: Home
    answer: dict[str, Any]
    running: set[int]
    """The run's children and theirs, before Ctrl-C."""
    left: set[int]
    """Those of them that were alive after it."""
    code: int | None
    second: Ended


@pytest.fixture(scope="module")
def stayed(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Stayed:
    """The first run of a model that trains in a moment."""
    home = quick_home(tmp_path_factory.mktemp("quick"), database=mlflow_database)
    process, output = start_and_wait(home)
    running = descendants(process.pid)
    second = Home(home.path, models=home.models).run("quick")
    interrupt(process)
    return Stayed(home, Ended(0, output, "", 0.0).answer, running, alive(running), process.returncode, second)


def test_ctrl_c_while_it_serves_leaves_nothing(stayed: Stayed) -> None:
    assert len(stayed.running) >= 3
    assert stayed.left == set()


def test_ctrl_c_after_the_answer_is_no_error(stayed: Stayed) -> None:
    assert stayed.code == 0


def test_a_home_that_is_in_use_is_refused(stayed: Stayed) -> None:
    assert stayed.second.errors.startswith(f"molino: another run uses {stayed.home.path}: ")


def test_a_changed_source_is_a_new_version(stayed: Stayed) -> None:
    source = stayed.home.models / "quick" / "housing.csv"
    source.write_text("\n".join(source.read_text().splitlines()[:-5]) + "\n")
    after = stayed.home.run("quick")
    assert int(after.answer["model"]["version"]) == int(stayed.answer["model"]["version"]) + 1


# Rejected, refused, ended.


def test_a_rejected_run_says_why(mlflow_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = quick_home(tmp_path, database=mlflow_database, gate={"bounds": {"rmse": {"maximum": 0.001}}})
    with Hook() as hook:
        monkeypatch.setenv("MOLINO_NOTICE_WEBHOOK", hook.url())
        ended = home.run("quick")
    (told,) = hook.posted
    assert (told["event"], told["run_id"]) == ("refused", ended.run_id)
    assert "is above the gate's maximum of 0.001" in told["reason"]
    assert "The gate refused this run" in ended.output
    assert "is above the gate's maximum of 0.001" in ended.output
    assert ended.errors.endswith("no version of quick is in service, so there is no answer to show\n")


def test_a_failed_step_ends_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = quick_home(tmp_path)
    (home.models / "quick" / "housing.csv").write_text("crim\n1\n")
    with Hook(410) as hook:
        monkeypatch.setenv("MOLINO_NOTICE_WEBHOOK", hook.url("/secret-path"))
        ended = home.run("quick")
    (told,) = hook.posted
    assert (told["event"], told["step"], told["run_id"]) == ("failed", "ingest", ended.run_id)
    assert f" failed: {told['reason']} (log: " in ended.errors
    assert "secret-path" not in ended.errors
    assert ended.code == 1
    assert f"ingest of quick run {ended.run_id} failed: " in ended.errors.splitlines()[-1]
    assert str(home.path / "logs" / "quick" / ended.run_id / "ingest.log") in ended.errors.splitlines()[-1]


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with socket.socket() as listener:
        listener.bind((HOST, home.port))
        listener.listen()
        ended = home.run()
    assert ended.errors.startswith(f"molino: port {home.port} of API is taken")
    assert not (home.path / "logs").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_of_a_step_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    home = quick_home(tmp_path)
    process = home.start("quick")
    wait_for(lambda: list(home.path.glob("logs/quick/*/version.log")), "the version step")
    running = descendants(process.pid)
    interrupt(process, number)
    assert process.returncode == 130
    wait_for(lambda: not alive(running), "the end of all processes", 60)


def test_a_killed_run_leaves_nothing(tmp_path: Path) -> None:
    home = quick_home(tmp_path)
    process = home.start("quick")
    wait_for(lambda: list(home.path.glob("logs/quick/*/version.log")), "the version step")
    running = descendants(process.pid)
    interrupt(process, signal.SIGKILL)
    wait_for(lambda: not alive(running), "the end of all processes", 60)


def start_and_wait(home: Home) -> tuple["subprocess.Popen[str]", str]:
    """Start a run of the quick model that stays, and wait until it has shown its answer; return what it said too."""
    process = home.start("quick")
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            return process, "".join(lines)
    pytest.fail(process.communicate()[1])


def test_a_service_that_dies_ends_everything(stayed: Stayed) -> None:
    process, _ = start_and_wait(stayed.home)
    running = descendants(process.pid)
    (serving,) = (pid for pid in children(process.pid) if b"-m\0serving\0" in command_line(pid))  # not its workers
    os.kill(serving, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "serving has ended by itself (exit code -9)" in errors
    wait_for(lambda: not alive(running), "the end of all processes", 60)
