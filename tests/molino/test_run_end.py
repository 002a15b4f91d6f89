import json
from pathlib import Path

import pytest

from molino.contracts.record import parse_record, record_key
from molino.contracts.run import Run
from molino.contracts.steps import STEP_NAMES
from molino.run_end import refused_by, tell_end, tell_refusal
from molino.runs import find_run
from training.stores.file import FolderStore

FIXTURE = Path(__file__).parent / "contracts" / "fixtures" / "e016fe5"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A store with a run of an earlier version, which set three rows aside."""
    store = FolderStore(tmp_path)
    for step in STEP_NAMES:
        content = json.loads((FIXTURE / f"{step}.json").read_bytes())
        if step == "ingest":
            result = content["result"]
            result |= {"rows_read": 347, "rows_quarantined": 3, "quarantine": result["report_html"] | {
                "uri": "file:///srv/my%20rows/quarantine.csv"
            }}  # fmt: skip
            reasons = [{"reason": f"rule {number} is broken", "rows": number, "first_row": 1} for number in range(1, 6)]
            store.write(result["report_json"]["key"], json.dumps({"reasons": reasons}).encode())
        store.write(record_key("penguins", "r1", step), json.dumps(content).encode())
    return store


def test_the_end_of_a_run_tells_winner_rows_and_places(store: FolderStore) -> None:
    told = tell_end(find_run(store, "r1"), store)
    assert told[0][0] == "Winner"
    assert told[0][1].startswith("logistic: log_loss 0.0")
    assert "95 % interval" in told[0][1]
    assert told[1:5] == [
        ("Rows", "347 read, 344 clean, 3 set aside"),
        ("", "5 × rule 5 is broken"),
        ("", "4 × rule 4 is broken"),
        ("", "3 × rule 3 is broken"),
    ]
    assert told[5:7] == [("", "and 2 reasons more, in the report"), ("Set aside", "/srv/my rows/quarantine.csv")]
    assert told[7][0] == "Report"
    assert told[7][1].startswith("/srv/molino/store/runs/penguins/")


def test_a_report_that_is_gone_takes_only_the_reasons(store: FolderStore) -> None:
    run = find_run(store, "r1")
    store.delete(run.records["ingest"].result["report_json"]["key"])
    assert [title for title, _ in tell_end(run, store)] == ["Winner", "Rows", "Set aside", "Report"]


def test_a_winner_without_its_score_is_left_out(store: FolderStore) -> None:
    run = find_run(store, "r1")
    evaluate = run.records["evaluate"]
    nameless = evaluate.model_copy(update={"result": evaluate.result | {"best": "another"}})
    assert tell_end(Run("penguins", "r1", {"evaluate": nameless}), store) == []


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"verdict": {"accepted": False, "reasons": ["it is worse"]}}, ["it is worse"]),
        ({"verdict": {"accepted": False}}, ["(its record tells no reason: reasons: Field required)"]),
        ({"verdict": "no"}, ["(its record tells no reason: expected a valid dictionary or instance of Verdict)"]),
        ({}, ["(its record tells no reason: expected a valid dictionary or instance of Verdict)"]),
    ],
)
def test_a_refusal_is_told_as_far_as_its_record_holds_it(
    store: FolderStore, result: dict[str, object], told: list[str]
) -> None:
    record = find_run(store, "r1").records["evaluate"].model_copy(update={"result": result})
    assert tell_refusal(Run("penguins", "r1", {"evaluate": record})) == told


def test_what_a_person_has_refused_is_not_told_as_the_gate_s(store: FolderStore) -> None:
    run = find_run(store, "r1")
    by_gate = refused_by(run)
    said = {"approved": False, "by": "ann", "at": "2026-11-27T10:00:00Z", "reason": "too low"}
    deploy = run.records["deploy"]
    refused = deploy.model_copy(update={"result": {**deploy.result, "version": None, "approval": said}})
    who, (why,) = refused_by(Run("penguins", "r1", {**run.records, "deploy": refused}))
    assert by_gate == ("the gate", tell_refusal(run))
    assert (who, why.startswith("refused by ann at "), why.endswith(": too low")) == ("a person", True, True)


def test_results_of_another_form_are_left_out(store: FolderStore) -> None:
    record = parse_record((FIXTURE / "ingest.json").read_bytes(), "penguins", "ingest")
    assert not isinstance(record, str)
    strange = {step: record.model_copy(update={"step": step, "result": {}}) for step in ("ingest", "evaluate")}
    assert tell_end(Run("penguins", "r1", strange), store) == []
