"""Versions that wait for a person, as a model file wants it by `gate.approval: required`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from registered_run import RegisteredRun, Runs, champion, deploy, workers
from running_server import RunningServer

from molino.contracts.approval import Approval, approval_key
from molino.contracts.errors import NOT_AGAIN, ApprovalError
from molino.contracts.model_file import load_model
from molino.contracts.model_file.parts import used_parts
from molino.contracts.model_file.schema import Gate
from molino.contracts.results import DeployResult
from molino.contracts.settings import Settings, load_settings
from molino.runs import find_run
from training.deploy.promotion import last_promotion, list_promotions, promote

AT = datetime(2026, 11, 27, 10, tzinfo=UTC)
WAITS = (
    "housing version 2 is registered and waits for an approval (gate.approval): "
    "`molino promote housing 2` puts it in service"
)


@pytest.fixture
def waiting(runs: Runs) -> RegisteredRun:
    """The second run, of a model file that has come to want an approval after the first was deployed."""
    deploy(runs["r1"])
    return wanting(runs["r2"].settings)


def wanting(settings: Settings) -> RegisteredRun:
    run = RegisteredRun(settings, "r2")
    file = run.loaded.file
    gate = file.gate.model_copy(update={"approval": "required"})
    run.loaded = run.loaded.model_copy(update={"file": file.model_copy(update={"gate": gate})})
    return run


def answered(run: RegisteredRun, approved: bool) -> DeployResult:
    said = Approval(approved=approved, by="ann", at=AT, reason="seen")
    return deploy(wanting(run.settings.model_copy(update={"approval": said})))


def test_what_nobody_has_approved_stays_out_of_service(waiting: RegisteredRun, server: RunningServer) -> None:
    with pytest.raises(ApprovalError) as refused:
        deploy(waiting)
    assert (str(refused.value), refused.value.exit_code) == (WAITS, NOT_AGAIN)
    assert (workers(server), champion(waiting), list_promotions(waiting.store)) == ({"1": 2}, "1", [])
    assert find_run(waiting.store, "r2").state == "unfinished"
    assert not waiting.store.exists(approval_key("housing", "r2"))


def test_an_approval_is_on_record_in_the_run_and_beside_the_promotions(
    waiting: RegisteredRun, server: RunningServer
) -> None:
    result = answered(waiting, approved=True)
    (record,) = list_promotions(waiting.store)

    assert result.approval == Approval(approved=True, by="ann", at=AT, reason="seen")
    assert (workers(server), champion(waiting)) == ({"2": 2}, "2")
    told = ("action", "version", "previous_version", "run_id", "by", "reason", "started", "answered")
    assert [getattr(record, name) for name in told] == [
        "approve", "2", "1", "r2", "ann", "seen", AT, result.answered
    ]  # fmt: skip
    assert record.told.startswith("approved by ann at 2026-11-27 ")
    assert DeployResult.tell(result.model_dump(mode="json"))[-1] == record.told


def test_a_refusal_leaves_the_champion_and_ends_the_run_as_refused(
    waiting: RegisteredRun, server: RunningServer
) -> None:
    result = answered(waiting, approved=False)
    (record,) = list_promotions(waiting.store)

    assert (workers(server), champion(waiting), result.version) == ({"1": 2}, "1", None)
    assert find_run(waiting.store, "r2").state == "rejected"
    assert (record.action, record.version, record.previous_version, record.by) == ("refuse", "2", "1", "ann")
    assert DeployResult.tell(result.model_dump(mode="json")) == [record.told]
    assert last_promotion(waiting.store, "housing") is None


def test_a_promotion_approves_what_waits_and_ends_its_run(waiting: RegisteredRun, server: RunningServer) -> None:
    promote(waiting.settings, "housing", "2", "bob", "asked for by sales")
    run = find_run(waiting.store, "r2")
    result = DeployResult.model_validate(run.records["deploy"].result)

    assert (workers(server), run.state, run.version, result.previous_version) == ({"2": 2}, "done", "2", "1")
    assert result.approval is not None
    assert (result.approval.by, result.approval.reason) == ("bob", "asked for by sales")
    assert answered(waiting, approved=False) == result, "an answer that comes after the promotion changes nothing"


def test_a_promotion_of_what_does_not_wait_leaves_the_run_s_record(runs: Runs) -> None:
    for run in runs.values():
        deploy(run)
    before = runs["r1"].store.read("runs/housing/r1/deploy.json")
    promote(runs["r1"].settings, "housing", "1", "ann", None)
    assert runs["r1"].store.read("runs/housing/r1/deploy.json") == before


def test_the_answer_comes_to_the_step_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLINO_APPROVAL", json.dumps({"approved": False, "by": "ann", "at": AT.isoformat()}))
    assert load_settings().approval == Approval(approved=False, by="ann", at=AT)
    monkeypatch.setenv("MOLINO_APPROVAL", "")
    assert load_settings().approval is None


def test_a_model_file_that_comes_to_want_an_approval_asks_for_no_step_again() -> None:
    file = load_model(Path(__file__).parents[3] / "pipelines" / "models" / "penguins").file
    gates = ({"approval": "required"}, {"approval": "required", "champion": "better"}, {"champion": "better"})
    without, wanting, both, other = (
        used_parts("evaluate", file.model_copy(update={"gate": Gate.model_validate(gate)})) for gate in ({}, *gates)
    )
    assert (without, both) == (wanting, other)
    assert without != other
