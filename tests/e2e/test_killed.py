"""A step that is killed is run again, and ends with the same result, nothing doubled."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from embedded import Ended, Home, command_line, descendants, leads_group, quick_home, wait_for

from molino.contracts.steps import STEP_NAMES

pytestmark = pytest.mark.embedded

KINDS = ("linear", "gradient_boosting")
SAME = ("metrics", "status", "model_file_sha256")


@pytest.fixture(scope="module")
def killed(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[Ended]]:
    """A home whose run had each of its six steps killed once, and what each start said."""
    home = quick_home(tmp_path_factory.mktemp("killed"), KINDS, mlflow_database)
    said = [run_and_kill(home, step) for step in STEP_NAMES]
    return home, [*said, home.run("quick")]


@pytest.fixture(scope="module")
def undisturbed(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Ended]:
    """A home whose run of the same model went through, and what it said."""
    home = quick_home(tmp_path_factory.mktemp("undisturbed"), KINDS, mlflow_database)
    return home, home.run("quick")


@pytest.fixture(scope="module")
def lineages(
    killed: tuple[Home, list[Ended]], undisturbed: tuple[Home, Ended]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The records of both runs."""
    return killed[0].lineage(killed[1][-1].run_id, "quick"), undisturbed[0].lineage(undisturbed[1].run_id, "quick")


def run_and_kill(home: Home, step: str) -> Ended:
    """Run, and kill a step as soon as it has begun its work."""
    process = home.start("quick", "--once")
    log = f"logs/quick/*/{step}.log"
    wait_for(lambda: any("started" in path.read_text() for path in home.path.glob(log)), f"the {step} step")
    victim = next(pid for pid in descendants(process.pid) if _is_step(pid, step))
    os.killpg(victim, signal.SIGKILL)
    output, errors = process.communicate(timeout=120)
    return Ended(process.returncode, output, errors, 0)


def _is_step(pid: int, step: str) -> bool:
    """Tell whether a process is the step itself: a fork of it has the same command line until it is another program."""
    words = command_line(pid).split(b"\0")[1:5]
    return words == [b"-m", b"molino", b"step", step.encode()] and leads_group(pid)


@pytest.mark.parametrize("step", STEP_NAMES)
def test_a_killed_step_is_named(killed: tuple[Home, list[Ended]], step: str) -> None:
    ended = killed[1][STEP_NAMES.index(step)]
    assert re.search(rf"{step} of quick run \S+ failed: ended by signal 9 \(log: ", ended.errors)


@pytest.mark.parametrize("step", STEP_NAMES[1:])
def test_a_killed_run_goes_on(killed: tuple[Home, list[Ended]], step: str) -> None:
    after = killed[1][STEP_NAMES.index(step) + 1]
    assert "goes on (it was interrupted after" in after.output


def test_the_last_start_answers_the_same(killed: tuple[Home, list[Ended]], undisturbed: tuple[Home, Ended]) -> None:
    assert killed[1][-1].answer["predictions"] == undisturbed[1].answer["predictions"]


@pytest.mark.parametrize("step", STEP_NAMES)
def test_each_step_ends_as_in_an_undisturbed_run(lineages: tuple[dict[str, Any], dict[str, Any]], step: str) -> None:
    after_kills, undisturbed = ({key: one["records"][step][key] for key in SAME} for one in lineages)
    assert after_kills == undisturbed


def test_nothing_is_doubled(killed: tuple[Home, list[Ended]]) -> None:
    counts = killed[0].counts()
    assert counts == {
        "records": 6,
        "MLflow runs": 1 + len(KINDS),
        "unfinished MLflow runs": 0,
        "model versions": 1,
        "releases": 1,
        "commits": counts["commits"],
    }
    assert counts["commits"] <= 2
