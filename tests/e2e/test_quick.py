"""Runs of a model that trains in a moment: changed, rejected, refused, and ended in the middle."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from embedded import HOST, Home, alive, children, command_line, descendants, interrupt, quick_home, wait_for


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose quick model is served; its first run had the UIs beside it."""
    home = quick_home(tmp_path_factory.mktemp("quick"))
    interrupt(start_and_wait(home))
    return home


def test_a_changed_source_is_a_new_version(quick: Home) -> None:
    before = quick.run("quick")
    source = quick.models / "quick" / "housing.csv"
    source.write_text("\n".join(source.read_text().splitlines()[:-5]) + "\n")
    after = quick.run("quick")
    assert int(after.answer["model"]["version"]) == int(before.answer["model"]["version"]) + 1


# Rejected, refused, ended.


def test_a_rejected_run_says_why(tmp_path: Path) -> None:
    home = quick_home(tmp_path, gate={"bounds": {"rmse": {"maximum": 0.001}}})
    ended = home.run("quick")
    assert "The gate refused this run" in ended.output
    assert "is above the gate's maximum of 0.001" in ended.output
    assert ended.errors.endswith("no version of quick is in service, so there is no answer to show\n")


def test_a_failed_step_ends_everything(tmp_path: Path) -> None:
    home = quick_home(tmp_path)
    (home.models / "quick" / "housing.csv").write_text("crim\n1\n")
    ended = home.run("quick")
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


def start_and_wait(home: Home) -> "subprocess.Popen[str]":
    """Start a run of the quick model that stays, and wait until it has shown its answer."""
    process = home.start("quick")
    assert process.stdout
    if not any(line.startswith("Ctrl-C") for line in process.stdout):
        pytest.fail(process.communicate()[1])
    return process


def test_ctrl_c_while_it_serves_leaves_nothing(quick: Home) -> None:
    process = start_and_wait(quick)
    running = descendants(process.pid)
    interrupt(process)
    assert len(running) >= 3
    assert alive(running) == set()


def test_ctrl_c_after_the_answer_is_no_error(quick: Home) -> None:
    process = start_and_wait(quick)
    interrupt(process)
    assert process.returncode == 0


def test_a_service_that_dies_ends_everything(quick: Home) -> None:
    process = start_and_wait(quick)
    running = descendants(process.pid)
    (serving,) = (pid for pid in children(process.pid) if b"-m\0serving\0" in command_line(pid))  # not its workers
    os.kill(serving, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "serving has ended by itself (exit code -9)" in errors
    wait_for(lambda: not alive(running), "the end of all processes", 60)


def test_a_home_that_is_in_use_is_refused(quick: Home) -> None:
    process = start_and_wait(quick)
    second = Home(quick.path, models=quick.models)
    assert second.run("quick").errors.startswith(f"molino: another run uses {quick.path}: ")
    interrupt(process)
