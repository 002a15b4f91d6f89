import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from molino.contracts.errors import RunError
from pipelines.process import wait_until
from pipelines.services import Service
from pipelines.stack import Stack, Stop, Stopped, running_lock


def service(script: str) -> Service:
    return Service("script", "Script", 1, "--port", ["bash", "-c", script])


def test_a_second_run_of_the_same_home_is_refused(tmp_path: Path) -> None:
    with running_lock(tmp_path), pytest.raises(RunError, match=f"another run uses {tmp_path}"), running_lock(tmp_path):
        pass


def test_a_home_is_free_again_after_a_run(tmp_path: Path) -> None:
    for _ in range(2):
        with running_lock(tmp_path):
            pass


@contextmanager
def handled(number: signal.Signals, handler: Any) -> Iterator[None]:
    """Let a signal mean something as long as the context lasts."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_for_the_end(number: signal.Signals) -> None:
    # Whatever it meant to this process: under `nohup` the hang-up is ignored.
    with handled(number, lambda *_: None), Stop() as stop:
        os.kill(os.getpid(), number)
        with pytest.raises(Stopped):
            stop.check()


def test_without_a_signal_nothing_ends() -> None:
    with Stop() as stop:
        stop.check()


def test_an_ignored_hang_up_stays_ignored() -> None:
    with handled(signal.SIGHUP, signal.SIG_IGN), Stop() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        stop.check()


def test_signals_mean_what_they_did_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Stop():
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_a_service_that_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    with Stop() as stop, Stack(tmp_path, stop) as stack:
        stack.start([service("echo out of memory; exit 3")], {})
        stack.children[0].process.wait()
        with pytest.raises(RunError, match=r"script has ended by itself \(exit code 3\): out of memory \(log: "):
            stack.watch()


def test_services_that_run_are_well(tmp_path: Path) -> None:
    with Stop() as stop, Stack(tmp_path, stop) as stack:
        stack.start([service("sleep 600")], {})
        stack.watch()


def test_leaving_the_stack_ends_its_services(tmp_path: Path) -> None:
    with Stop() as stop, Stack(tmp_path, stop) as stack:
        stack.start([service("sleep 600"), service("sleep 600")], {})
    assert all(child.exit_code is not None for child in stack.children)


def test_a_service_gets_its_variables(tmp_path: Path) -> None:
    with Stop() as stop, Stack(tmp_path, stop) as stack:
        stack.start([service("echo $WORD; sleep 600")], {"WORD": "here"})
        assert wait_until(lambda: (tmp_path / "script.log").read_text() == "here\n", 10)
