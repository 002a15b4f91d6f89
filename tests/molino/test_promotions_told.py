"""What persons say for the record is told as they have written it, in a line, by each command that tells it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from molino.cli import app
from molino.contracts.promotion import Promotion
from molino.contracts.record import record_key
from molino.contracts.steps import STEP_NAMES
from training.deploy.promotion import current_user, keep_promotion
from training.stores.file import FolderStore

FIXTURE = Path(__file__).parent / "contracts" / "fixtures" / "e016fe5"
AT = datetime(2026, 11, 27, 10, tzinfo=UTC)


def told(home: Path, monkeypatch: pytest.MonkeyPatch, reason: str, *command: str) -> str:
    """Return what a command prints of a run whose version somebody has promoted for a reason."""
    store = FolderStore(home / "store")
    for step in STEP_NAMES:
        store.write(record_key("penguins", "r1", step), (FIXTURE / f"{step}.json").read_bytes())
    facts = {"model": "penguins", "version": "1", "previous_version": None, "run_id": "r1", "target": "embedded"}
    times = {"started": AT, "ended": AT + timedelta(seconds=1)}
    said = {"action": "promote", "by": "ann", "reason": reason, "answered": None, "code_revision": "0", "host": "here"}
    keep_promotion(store, Promotion.model_validate({**facts, **times, **said}))
    monkeypatch.setenv("MOLINO_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "250")
    ended = CliRunner().invoke(app, list(command), catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.stdout


@pytest.mark.parametrize("command", [["promotions"], ["runs"], ["runs", "show", "r1"]])
@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("see [/] and [OPS-12], [red]now[/red]", "see [/] and [OPS-12], [red]now[/red]"),
        ("rooms :house: and 12:00", "rooms :house: and 12:00"),
        ("too low\nby the river\r\n\x1b[31mall of them", "too low by the river [31mall of them"),
    ],
)
def test_a_reason_is_told_as_it_was_given(
    command: list[str], reason: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert line in told(tmp_path, monkeypatch, reason, *command)


@pytest.mark.parametrize("option", ["--reason", "--by"])
def test_what_no_record_can_hold_is_refused_before_anything_changes(option: str) -> None:
    ended = CliRunner().invoke(app, ["promote", "housing", "3", option, "caf\udce9"])
    assert ended.exit_code == 2
    assert "expected text in UTF-8" in " ".join(ended.output.split())


def test_a_user_s_name_of_any_bytes_can_be_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "jos\udce9")
    assert current_user() == "jos?"
