"""The version step compares the data with its last version, and tells where it says so."""

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tables import Homes, csv_text, good_rows
from typer.testing import CliRunner

from molino.cli import app
from molino.cli.runs import lineage
from molino.contracts.errors import NOT_AGAIN, VersionError
from molino.contracts.record import Record
from molino.contracts.results import VersionResult
from molino.contracts.run import Run
from molino.run_end import tell_end
from training.run_index import read_run
from training.run_notes import read_refusal
from training.step import run_step
from training.stores.opening import open_store

ROWS = 60
STRANGE = [f"90.{i},20,{i % 2},east,{i}" for i in range(30)]


class Versions:
    """One model, whose source changes from run to run."""

    def __init__(self, folder: Path, **checks: Any) -> None:
        features = [{"name": "size", "type": "number"}, {"name": "area", "type": "category"}]
        quality = {"checks": {key: {"then": then} for key, then in checks.items()}} if checks else {}
        self.homes = Homes(folder, features=features, quality=quality)

    def run(self, run_id: str, *rows: str) -> Record:
        self.homes.source.write_bytes(csv_text(*rows))
        self.homes.ingest(run_id)
        return run_step("version", self.homes.loaded, run_id, self.homes.settings)

    def result(self, run_id: str, *rows: str) -> VersionResult:
        return VersionResult.model_validate(self.run(run_id, *rows).result)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return Versions(tmp_path_factory.mktemp("versions"))


@pytest.fixture(scope="module")
def first(versions: Versions) -> Record:
    return versions.run("r1", *good_rows(ROWS))


@pytest.fixture(scope="module")
def second(versions: Versions, first: Record) -> tuple[Record, list[Any]]:
    with capture_logs() as logs:
        return versions.run("r2", *STRANGE[:20]), logs


def test_a_first_version_has_nothing_to_compare_with(first: Record) -> None:
    assert "nothing to compare with: the last version has no summary, or there is none" in lineage(first)


def test_differences_are_in_record_log_lineage_and_the_end_of_the_run(
    versions: Versions, first: Record, second: tuple[Record, list[Any]]
) -> None:
    record, logs = second
    result = VersionResult.model_validate(record.result)
    assert result.compared_with == first.result["revision"]
    found = [(change.check, change.column) for change in result.changes]
    assert found == [
        ("fewer_rows", None), ("shifted_means", "size"), ("new_values", "area"), ("vanished_values", "area"),
        ("shifted_means", "price"),
    ]  # fmt: skip
    assert sum(one["event"] == "data differs from its last version" for one in logs) == len(found)
    told = [line for line in lineage(record) if line.startswith("against the last version: ")]
    assert len(told) == len(found)
    end = tell_end(Run("homes", "r2", {"version": record}), open_store(versions.homes.settings))
    assert [title for title, _ in end] == ["Data", "", "", ""]
    assert end[-1][1] == "and 2 differences more, in molino runs show"


def test_unchanged_data_is_compared_with_nothing(versions: Versions, second: tuple[Record, list[Any]]) -> None:
    again = versions.result("r3", *STRANGE[:20])
    assert again.compared_with is None
    assert "nothing to compare with: the data is unchanged" in VersionResult.tell(again.model_dump())


def test_a_killed_step_that_is_run_again_compares_with_the_version_before_its_own(
    versions: Versions, first: Record, second: tuple[Record, list[Any]]
) -> None:
    versions.run("r4", *STRANGE)
    (versions.homes.store / "runs" / "homes" / "r4" / "version.json").unlink()
    again = run_step("version", versions.homes.loaded, "r4", versions.homes.settings)
    assert (again.result["created"], again.result["compared_with"]) == (True, second[0].result["revision"])


def test_a_refused_difference_makes_no_version(tmp_path: Path) -> None:
    versions = Versions(tmp_path, new_values="refuse", shifted_means="off")
    made = versions.result("r1", *good_rows(ROWS))
    with pytest.raises(VersionError, match=r'area: 100\.0% .* lacks: "east" .*quality\.checks\.new_values') as caught:
        versions.run("r2", *STRANGE)
    assert ("\n" in str(caught.value), caught.value.exit_code) == (False, NOT_AGAIN)
    store = open_store(versions.homes.settings)
    refusal = read_refusal(store, read_run(store, "homes", "r2"))
    assert refusal is not None
    assert refusal.compared_with == made.revision
    assert [(change.check, change.column) for change in refusal.changes if change.refused] == [("new_values", "area")]
    assert any(not change.refused for change in refusal.changes)
    assert any("refused: area: 100.0%" in line for line in refusal.told)
    assert read_refusal(store, read_run(store, "homes", "r1")) is None
    home = {"MOLINO_HOME": str(versions.homes.settings.home)}
    plain, parsed = (
        CliRunner().invoke(app, ["runs", "show", "r2", *more], env=home).output for more in ((), ("--json",))
    )
    assert "no new version" in plain
    assert json.loads(parsed)["refusal"] == refusal.model_dump(mode="json")
    versions.homes.source.write_bytes(csv_text(*good_rows(ROWS)))
    assert versions.result("r3", *good_rows(ROWS)).revision == made.revision


def test_a_past_version_without_a_summary_stays_readable(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    versions.homes.source.write_bytes(csv_text(*good_rows(ROWS)))
    record = versions.homes.ingest("r1")
    report = versions.homes.artifact("quality.json")
    report.write_text('{"rows": 4}')
    known = json.loads((versions.homes.store / "runs/homes/r1/ingest.json").read_bytes())
    known["result"]["report_json"] |= {"sha256": _sha256(report), "bytes": report.stat().st_size}
    (versions.homes.store / "runs/homes/r1/ingest.json").write_text(json.dumps(known))
    assert record.result["rows_clean"] == ROWS
    run_step("version", versions.homes.loaded, "r1", versions.homes.settings)
    with capture_logs() as logs:
        assert versions.result("r2", *STRANGE).compared_with is None
    assert any("has no summary that can be read" in one.get("cause", "") for one in logs)


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()
