import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from registered_run import Runs, champion, deploy, workers
from running_server import RunningServer
from typer.testing import CliRunner

from molino.cli import app
from molino.contracts.errors import BrokenReleaseError, DeployError, StoreError, TrackingError
from molino.contracts.promotion import Promotion
from training.deploy.promotion import list_promotions, promote, rollback


@pytest.fixture
def deployed(runs: Runs) -> Runs:
    """The three runs, deployed one after the other."""
    for run in runs.values():
        deploy(run)
    return runs


def test_any_registered_version_comes_into_service(deployed: Runs, server: RunningServer) -> None:
    promote(deployed["r1"].settings, "housing", "1", "ann", None)

    assert workers(server) == {"1": 2}
    assert champion(deployed["r1"]) == "1"


def test_a_rollback_goes_back_one_version_each_time(deployed: Runs, server: RunningServer) -> None:
    settings = deployed["r1"].settings
    first, second = (rollback(settings, "housing", "ann", None).version for _ in range(2))

    assert (first, second, workers(server), champion(deployed["r1"])) == ("2", "1", {"1": 2}, "1")
    with pytest.raises(DeployError, match="no version of housing was in service before 1: "):
        rollback(settings, "housing", "ann", None)


def test_a_rollback_takes_back_a_promotion(deployed: Runs, server: RunningServer) -> None:
    settings = deployed["r1"].settings
    promote(settings, "housing", "1", "ann", None)
    rollback(settings, "housing", "ann", None)

    assert workers(server) == {"3": 2}


def test_each_change_is_on_record_with_who_and_why(deployed: Runs) -> None:
    settings, store = deployed["r1"].settings, deployed["r1"].store
    promote(settings, "housing", "1", "ann", "3 is too low")
    rollback(settings, "housing", "bob", None)
    second, first = list_promotions(store, "housing")
    example = json.loads(store.read("releases/housing/1/release.json"))["example"]

    told = ("action", "version", "previous_version", "run_id", "by", "reason")
    assert [getattr(first, name) for name in told] == ["promote", "1", "3", "r1", "ann", "3 is too low"]
    assert [getattr(second, name) for name in told] == ["rollback", "3", "1", "r3", "bob", None]
    assert first.answered == pytest.approx(example["predictions"], rel=1e-4)


def test_a_promotion_that_cannot_be_read_is_passed_over(deployed: Runs) -> None:
    store = deployed["r1"].store
    kept = promote(deployed["r1"].settings, "housing", "1", "ann", None)
    store.write("promotions/housing/20200101T000000.000000Z.json", b"{}")

    assert list_promotions(store) == [kept]


def test_the_record_of_this_version_stays_readable() -> None:
    """Written by hand as 0.1.0 writes it: keys that come later must have a default."""
    written = {
        "schema_version": 1,
        "model": "housing",
        "action": "promote",
        "version": "1",
        "previous_version": None,
        "run_id": "r1",
        "target": "embedded",
        "by": "ann",
        "reason": None,
        "answered": [21.5],
        "code_revision": "unknown",
        "started": "2026-11-27T10:00:00Z",
        "ended": "2026-11-27T10:00:01Z",
        "host": "here",
    }
    assert Promotion.model_validate_json(json.dumps(written)).key == "promotions/housing/20261127T100000.000000Z.json"


# What is killed in between.


class StandInKillError(BaseException):
    """What ends a process at a place."""


@pytest.mark.parametrize(
    "place", ["training.tracking.registry.point_alias", "training.deploy.promotion.keep_promotion"]
)
def test_a_promotion_that_was_killed_comes_to_its_end_by_another(
    place: str, deployed: Runs, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, run = deployed["r1"].settings, deployed["r1"]
    run.store.delete("runs/housing/r1/deploy.json")  # it waits for an approval
    killed(place, monkeypatch, lambda: promote(settings, "housing", "1", "ann", None))
    again = promote(settings, "housing", "1", "ann", "again")

    assert (workers(server), champion(run), again.previous_version) == ({"1": 2}, "1", "3")
    assert list_promotions(run.store) == [again]
    assert run.store.exists("runs/housing/r1/deploy.json")
    with pytest.raises(DeployError, match="in service already"):
        promote(settings, "housing", "1", "ann", None)


def test_a_rollback_that_was_killed_goes_back_no_further(
    deployed: Runs, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = deployed["r1"].settings
    place = "training.tracking.registry.point_alias"
    killed(place, monkeypatch, lambda: rollback(settings, "housing", "ann", None))
    again = rollback(settings, "housing", "ann", None)

    assert (again.version, again.previous_version) == ("2", "3")
    assert (workers(server), champion(deployed["r1"])) == ({"2": 2}, "2")


def killed(place: str, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let an act be killed at a place."""

    def die(*_: object) -> None:
        raise StandInKillError

    with monkeypatch.context() as patched:
        patched.setattr(place, die)
        with pytest.raises(StandInKillError):
            act()


# What is refused.


def test_a_version_that_is_not_there_is_named_with_those_that_are(deployed: Runs, server: RunningServer) -> None:
    with pytest.raises(TrackingError, match=r"^housing has no version 7: it has 1, 2, 3$"):
        promote(deployed["r1"].settings, "housing", "7", "ann", None)
    assert workers(server) == {"3": 2}


def test_of_a_model_that_is_not_there_nothing_is_left(deployed: Runs) -> None:
    settings = deployed["r1"].settings
    with pytest.raises(TrackingError, match=r"^homes has no version 1: nothing of it is registered$"):
        promote(settings, "homes", "1", "ann", None)
    with pytest.raises(DeployError, match="no version of homes is in service"):
        rollback(settings, "homes", "ann", None)
    assert not (settings.serving_folder / "homes").exists()


def test_a_version_that_serves_is_not_promoted_again(deployed: Runs) -> None:
    with pytest.raises(DeployError, match="version 3 of housing is in service already"):
        promote(deployed["r1"].settings, "housing", "3", "ann", None)
    assert list_promotions(deployed["r1"].store) == []


def test_without_a_version_in_service_there_is_nothing_to_go_back_from(runs: Runs, server: RunningServer) -> None:
    with pytest.raises(DeployError, match="no version of housing is in service: name one by `molino promote housing"):
        rollback(runs["r1"].settings, "housing", "ann", None)


def test_an_altered_release_leaves_what_serves(deployed: Runs, server: RunningServer) -> None:
    deployed["r1"].store.write("releases/housing/1/model.onnx", b"altered")
    shutil.rmtree(deployed["r1"].settings.serving_folder / "housing" / "1")
    with pytest.raises(StoreError, match="was altered"):
        promote(deployed["r1"].settings, "housing", "1", "ann", None)
    assert (workers(server), list_promotions(deployed["r1"].store)) == ({"3": 2}, [])


def test_a_version_that_answers_wrongly_gives_way(
    deployed: Runs, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.deploy.rollout.agree", lambda *_: False)
    with pytest.raises(BrokenReleaseError, match="; version 3 is back in service"):
        promote(deployed["r1"].settings, "housing", "1", "ann", None)
    assert (workers(server), champion(deployed["r1"]), list_promotions(deployed["r1"].store)) == ({"3": 2}, "3", [])


# The commands.


def test_the_commands_change_and_list(deployed: Runs, server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in deployed["r1"].environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    promoted = CliRunner().invoke(app, ["promote", "housing", "1", "--by", "ann", "--reason", "3 is too low"])
    back = CliRunner().invoke(app, ["rollback", "housing", "--by", "bob"])
    table = CliRunner().invoke(app, ["promotions", "--model", "housing"]).stdout.splitlines()
    listed = json.loads(CliRunner().invoke(app, ["promotions", "--json"]).stdout)

    assert promoted.stdout == "housing version 1 is in service, after version 3\n"
    assert back.stdout == "housing version 3 is in service, after version 1\n"
    assert [line.split()[3:7] for line in table[1:]] == [["rollback", "3", "1", "bob"], ["promote", "1", "3", "ann"]]
    assert [one["reason"] for one in listed] == [None, "3 is too low"]


def test_runs_and_models_tell_who_put_a_version_in_service(
    deployed: Runs, server: RunningServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in deployed["r1"].environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("MOLINO_SUMMARY", str(tmp_path / "end"))
    before = CliRunner().invoke(app, ["runs"]).stdout
    CliRunner().invoke(app, ["promote", "housing", "1", "--by", "ann", "--reason", "3 is too low"])
    table, shown = (CliRunner().invoke(app, ["runs", *more]).stdout for more in ((), ("show", "r1")))
    runs = json.loads(CliRunner().invoke(app, ["runs", "--json"]).stdout)
    models = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    told = re.compile(r"promoted by ann at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: 3 is too low")

    assert "BY HAND" not in before
    assert [line.split()[0] for line in table.splitlines() if told.search(line)] == ["r1"]
    assert [line.split()[:2] for line in shown.splitlines() if told.search(line)] == [["by", "hand"]]
    assert {run["run_id"]: len(run["promotions"]) for run in runs} == {"r1": 1, "r2": 0, "r3": 0}
    assert all(told.fullmatch(row["promotion"]) for row in models if row["served"] == "1")
    assert json.loads((tmp_path / "end").read_text()) == {"status": "done", "version": "1"}


@pytest.mark.parametrize("version", ["0x1", "v3", "-1", "01", "", "../1", "9" * 5000])
def test_what_can_be_no_version_is_refused_before_anything_is_opened(version: str) -> None:
    ended = CliRunner().invoke(app, ["promote", "--", "housing", version])
    assert ended.exit_code == 2
    assert "expected a version's number, such as 3" in " ".join(ended.output.replace("│", " ").split())
