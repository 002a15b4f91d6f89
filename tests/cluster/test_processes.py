import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.cluster import processes
from tests.cluster.folders import Folders
from tests.cluster.processes import Process


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as child:
        yield child
        child.kill()


@pytest.fixture
def deaf() -> Iterator[subprocess.Popen[bytes]]:
    script = "trap '' TERM; echo deaf; while :; do read -r line || sleep 600; done"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.kill()


def process(child: subprocess.Popen[bytes]) -> Process:
    started = processes.start_time(child.pid)
    assert started is not None
    return Process("sleep", child.pid, started)


def test_running_process_is_alive(sleeper: subprocess.Popen[bytes]) -> None:
    assert process(sleeper).is_alive()


def test_process_with_the_same_id_that_started_later_is_another(sleeper: subprocess.Popen[bytes]) -> None:
    mine = process(sleeper)
    assert not replace(mine, started=mine.started - 1).is_alive()


def test_process_that_ended_but_was_not_waited_for_is_not_alive(sleeper: subprocess.Popen[bytes]) -> None:
    mine = process(sleeper)
    mine.end(grace=10)
    assert not mine.is_alive()


def test_another_process_with_the_same_id_is_not_ended(sleeper: subprocess.Popen[bytes]) -> None:
    mine = process(sleeper)
    replace(mine, started=mine.started - 1).end(grace=10)
    assert mine.is_alive()


def test_process_that_does_not_listen_is_killed(deaf: subprocess.Popen[bytes]) -> None:
    process(deaf).end(grace=0.1)
    assert deaf.wait() == -9


def test_id_of_no_process_has_no_start_time() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert processes.start_time(child.pid) is None


def test_program_with_a_bracket_in_its_name_is_read(tmp_path: Path) -> None:
    program = tmp_path / "a) b"
    program.symlink_to(shutil.which("sleep") or "")
    with subprocess.Popen([program, "600"]) as child:
        found = processes.start_time(child.pid)
        child.kill()
    assert found is not None


def test_ended_process_is_forgotten(folders: Folders, sleeper: subprocess.Popen[bytes]) -> None:
    record = folders.node / "processes" / "sleep.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps(asdict(process(sleeper))))
    processes.end(folders, "sleep")
    assert processes.recorded(folders) == {}
