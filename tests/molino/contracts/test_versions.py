"""Files that earlier versions have written: `fixtures/<revision>/` holds those of the code of that commit."""

import json
from pathlib import Path
from typing import Any

import pytest

from molino.contracts.model_file import load_model
from molino.contracts.record import Record, parse_record
from molino.contracts.release import Release, parse_release
from molino.contracts.results import result_class
from molino.contracts.steps import STEP_NAMES

FIXTURES = Path(__file__).parent / "fixtures"
VERSIONS = sorted(path for path in FIXTURES.iterdir() if path.is_dir())
RECORDS = [path / f"{step}.json" for path in VERSIONS for step in STEP_NAMES if (path / f"{step}.json").is_file()]


def name_of(path: Path) -> str:
    return str(path.relative_to(FIXTURES))


NAMED_FREELY = {"metrics": 1, "reference": 1, "importance": 1, "scores": 2, "champion_scores": 2, "serving": 1}
"""Mappings whose keys are names, not the contract's, and how many levels of them there are."""


def with_more_keys(content: Any, free: int = 0) -> Any:
    """Return JSON with a key more in each object of the contract, as a later version may write it."""
    if isinstance(content, list):
        return [with_more_keys(item) for item in content]
    if not isinstance(content, dict):
        return content
    known = {
        key: with_more_keys(value, free - 1 if free else NAMED_FREELY.get(key, 0)) for key, value in content.items()
    }
    return known if free else known | {"of_a_later_version": [{"a": None}]}


def extended(path: Path) -> bytes:
    return json.dumps(with_more_keys(json.loads(path.read_bytes()))).encode()


@pytest.mark.parametrize("path", RECORDS, ids=name_of)
def test_a_record_is_read(path: Path) -> None:
    record = parse_record(path.read_bytes(), "penguins", path.stem)
    assert isinstance(record, Record), record
    result_class(path.stem).model_validate(record.result)


@pytest.mark.parametrize("path", RECORDS, ids=name_of)
def test_a_record_with_keys_of_a_later_version_is_read(path: Path) -> None:
    record = parse_record(extended(path), "penguins", path.stem)
    assert isinstance(record, Record), record
    result_class(path.stem).model_validate(record.result)


@pytest.mark.parametrize("path", RECORDS, ids=name_of)
def test_a_record_is_told_whole(path: Path) -> None:
    told = result_class(path.stem).tell(json.loads(path.read_bytes())["result"])
    assert told
    assert "not recorded" not in " ".join(told)


@pytest.mark.parametrize("version", VERSIONS, ids=name_of)
def test_a_release_is_read(version: Path) -> None:
    release = parse_release((version / "release.json").read_bytes())
    assert isinstance(release, Release), release


@pytest.mark.parametrize("version", VERSIONS, ids=name_of)
def test_a_release_with_keys_of_a_later_version_is_read(version: Path) -> None:
    release = parse_release(extended(version / "release.json"))
    assert isinstance(release, Release), release


@pytest.mark.parametrize("version", VERSIONS, ids=name_of)
def test_a_model_file_is_read(version: Path) -> None:
    assert load_model(version).file.name == "penguins"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"\xff\x00", "Invalid JSON"),
        (b"[]", "expected an object"),
        (b'{"schema_version": 2}', "schema_version: expected 1"),
    ],
)
def test_what_is_no_release_has_a_cause(content: bytes, cause: str) -> None:
    assert cause in str(parse_release(content))


def test_a_record_of_another_step_has_a_cause() -> None:
    content = (VERSIONS[0] / "train.json").read_bytes()
    assert parse_record(content, "penguins", "ingest") == "it is the record of train of penguins"


def test_a_cause_holds_no_value_of_the_file() -> None:
    content = json.loads((VERSIONS[0] / "train.json").read_bytes()) | {"status": "secret"}
    cause = parse_record(json.dumps(content).encode(), "penguins", "train")
    assert "status" in str(cause)
    assert "secret" not in str(cause)
