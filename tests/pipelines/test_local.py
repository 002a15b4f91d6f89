from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from molino.contracts.errors import RunError
from molino.contracts.steps import STEPS, Step
from pipelines.local import Follower, LocalRun, Reporter, StepFailedError, StepProcesses, step_command
from pipelines.process import start

INGEST = STEPS[:1]


class Told:
    """Keeps what a reporter is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def started(self, step: Step) -> None:
        self.told.append(("started", step.name))

    def event(self, step: Step, event: Mapping[str, Any]) -> None:
        self.told.append((str(event["event"]), step.name))

    def ended(self, step: Step, seconds: float) -> None:
        self.told.append(("ended", step.name))


def a_run(tmp_path: Path, model: str = "housing") -> LocalRun:
    home = {"MOLINO_HOME": str(tmp_path / "home")}
    return LocalRun(model, "r1", tmp_path / "logs", home)


def run_steps(
    run: LocalRun, steps: Sequence[Step], reporter: Reporter, watch: Callable[[], None] = lambda: None
) -> None:
    with StepProcesses(run, steps, reporter, watch) as processes:
        processes.run_through(steps[-1].name)


def test_a_step_is_the_command_that_pods_run_too(tmp_path: Path) -> None:
    command = step_command(a_run(tmp_path), STEPS[0])
    assert command[1:] == ["-m", "molino", "step", "ingest", "--model", "housing", "--run-id", "r1"]


def test_each_step_is_reported(tmp_path: Path) -> None:
    reporter = Told()
    run_steps(a_run(tmp_path), INGEST, reporter)
    assert reporter.told[0] == ("started", "ingest")
    assert reporter.told[-1] == ("ended", "ingest")


def test_the_events_of_a_step_are_reported(tmp_path: Path) -> None:
    reporter = Told()
    run_steps(a_run(tmp_path), INGEST, reporter)
    assert "started" in [told for told, step in reporter.told[1:-1]]


def test_a_failed_step_names_its_cause(tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match=r"ingest of nosuch run r1 failed: no model 'nosuch' in ") as caught:
        run_steps(a_run(tmp_path, "nosuch"), INGEST, Told())
    assert (caught.value.step, caught.value.put_back) == ("ingest", False)
    assert caught.value.cause.startswith("no model 'nosuch' in ")


def test_a_failed_step_names_its_log(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=rf"\(log: {tmp_path}/logs/ingest.log\)"):
        run_steps(a_run(tmp_path, "nosuch"), INGEST, Told())


def test_after_a_failed_step_none_is_started(tmp_path: Path) -> None:
    reporter = Told()
    with pytest.raises(RunError):
        run_steps(a_run(tmp_path, "nosuch"), STEPS, reporter)
    assert reporter.told == [("started", "ingest")]


def test_a_watch_that_raises_ends_the_step(tmp_path: Path) -> None:
    def watch() -> None:
        raise RunError("a service has ended")

    with pytest.raises(RunError, match="a service has ended"):
        run_steps(a_run(tmp_path), INGEST, Told(), watch)


def test_the_next_step_loads_its_libraries_meanwhile(tmp_path: Path) -> None:
    """It begins when its turn comes, and no earlier: version finds the record that ingest leaves as its last act."""
    reporter = Told()
    run = a_run(tmp_path)
    with StepProcesses(run, STEPS[:3], reporter) as processes:
        processes.run_through("ingest")
        child, _ = processes._held["version"]
        assert (child.exit_code, (tmp_path / "logs" / "version.log").read_text()) == (None, "")
        processes.run_through("version")
        held, _ = processes._held["train"]
    assert list(dict.fromkeys(step for told, step in reporter.told if told == "ended")) == ["ingest", "version"]
    assert held.exit_code is not None
    assert not (tmp_path / "home" / "store" / "runs" / "housing" / "r1" / "train.json").exists()


def test_a_held_step_ends_without_a_word_when_nobody_releases_it(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    child = start("ingest", [*step_command(run, STEPS[0]), "--hold"], tmp_path / "log", run.environment, held=True)
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert (child.process.wait(60), child.log.read_text()) == (0, "")


def test_only_what_is_added_to_a_log_is_followed(tmp_path: Path) -> None:
    log = tmp_path / "step.log"
    log.write_text('{"event": "before"}\n')
    follower = Follower(log)
    with log.open("a") as file:
        file.write('{"event": "after"}\n')
    assert list(follower.events()) == [{"event": "after"}]


def test_a_half_written_line_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "step.log"
    follower = Follower(log)
    log.write_text('{"event": ')
    assert list(follower.events()) == []
    with log.open("a") as file:
        file.write('"whole"}\n')
    assert list(follower.events()) == [{"event": "whole"}]


def test_lines_that_are_no_json_are_left_out(tmp_path: Path) -> None:
    log = tmp_path / "step.log"
    follower = Follower(log)
    log.write_text('Traceback\n{broken\n{"event": "whole"}\n')
    assert list(follower.events()) == [{"event": "whole"}]
