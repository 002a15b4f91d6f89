import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from molino.contracts.errors import StoreError
from molino.contracts.record import Artifact, Record, record_key
from molino.contracts.run import marker_prefix, writing_marker
from molino.contracts.settings import Settings
from molino.contracts.steps import STEP_NAMES
from molino.runs import list_runs
from tests.conftest import S3
from training.run_index import keep_record, read_run, summaries
from training.stores.contract import Store
from training.stores.file import FolderStore
from training.stores.opening import open_store
from training.stores.s3 import S3Store

BEGAN = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
FIXTURE = Path(__file__).parents[1] / "molino" / "contracts" / "fixtures" / "e016fe5"


class CountingStore(FolderStore):
    """A folder that counts what is asked of it, and dies before an act where it should."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[tuple[str, str]] = []
        self.dies_before: str | None = None
        self.read_only = False

    def read(self, key: str) -> bytes:
        self.asked.append(("read", key))
        return super().read(key)

    def list(self, prefix: str) -> Iterator[str]:
        self.asked.append(("list", prefix))
        return super().list(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        self.asked.append(("folders", prefix))
        return super().folders(prefix)

    def write(self, key: str, data: bytes) -> Artifact:
        if self.dies_before is not None and key.endswith(self.dies_before):
            raise KeyboardInterrupt
        if self.read_only:
            raise StoreError(f"{key}: AccessDenied")
        return super().write(key, data)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "store")


def record_of(run_id: str, step: str, **changes: Any) -> Record:
    content: dict[str, Any] = {
        "model": "rows", "run_id": run_id, "step": step, "status": "done", "model_file_sha256": "0", "result": {},
        "code_revision": "0", "image": None, "started": BEGAN, "ended": BEGAN + timedelta(seconds=1), "host": "here",
    }  # fmt: skip
    return Record.model_validate(content | changes)


def keep(store: Store, run_id: str, steps: int, **changes: Any) -> None:
    """Leave the first steps of a run as steps do."""
    records: dict[str, Record] = {}
    for step in STEP_NAMES[:steps]:
        records[step] = record_of(run_id, step, **changes)
        keep_record(store, records[step], records)


def keep_unmarked(store: Store, run_id: str, steps: int) -> None:
    """Leave the first steps of a run as earlier versions did."""
    for step in STEP_NAMES[:steps]:
        store.write(record_key("rows", run_id, step), record_of(run_id, step).model_dump_json().encode())


def marks(store: Store, run_id: str) -> list[str]:
    prefix = marker_prefix("rows", run_id)
    return [key.removeprefix(prefix) for key in store.list(prefix)]


@pytest.mark.parametrize("steps", [1, 2, 5, 6])
def test_a_marker_says_what_the_records_do(store: CountingStore, steps: int) -> None:
    keep(store, "a", steps, result={"version": "7", "path": "p", "revision": "r", "created": False})
    assert list(summaries(store, "rows")) == [read_run(store, "rows", "a").summary]
    assert len(marks(store, "a")) == 1


def test_listing_runs_asks_as_much_of_500_as_of_5(store: CountingStore) -> None:
    asked = []
    for count in (5, 500):
        for number in range(count):
            keep(store, f"run-{number}", 1)
        store.asked.clear()
        assert len(list_runs(store)) == count
        asked.append(list(store.asked))
    assert asked[0] == asked[1]
    assert not [key for act, key in asked[0] if act == "read"]


def test_listing_runs_in_a_bucket_takes_as_many_requests_for_500_as_for_5(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(s3.settings(tmp_path, store=f"s3://{s3.make_bucket()}/below"))
    assert isinstance(store, S3Store)
    requests: list[str] = []
    send = store.client._http.urlopen

    def counted(method: str, url: str, *more: Any, **options: Any) -> Any:
        requests.append(f"{method} {url}")
        return send(method, url, *more, **options)

    monkeypatch.setattr(store.client._http, "urlopen", counted)
    taken = []
    for first, last in ((0, 5), (5, 500)):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: keep(store, f"run-{number}", 1), range(first, last)))
        requests.clear()
        assert len(list_runs(store)) == last
        taken.append(len(requests))
    assert taken[0] == taken[1]


def test_runs_of_an_earlier_version_are_read_once(store: CountingStore) -> None:
    keep(store, "new", 6)
    for step in STEP_NAMES:
        store.write(record_key("penguins", "old", step), (FIXTURE / f"{step}.json").read_bytes())
    first = list_runs(store)
    store.asked.clear()
    assert list_runs(store) == first
    assert [(run.run_id, run.state) for run in first] == [("old", "done"), ("new", "done")]
    assert not [key for act, key in store.asked if act == "read"]


@pytest.mark.parametrize(
    ("dies_before", "done"),
    [("writing-train", 2), ("/train.json", 2), ("_ingest-version-train___", 3)],
    ids=["before all", "before the record", "between record and marker"],
)
def test_a_writer_that_dies_is_noticed_and_its_marker_mended(store: CountingStore, dies_before: str, done: int) -> None:
    keep(store, "a", 2)
    store.dies_before = dies_before
    earlier = dict(read_run(store, "rows", "a").records)
    with pytest.raises(KeyboardInterrupt):
        keep_record(store, record_of("a", "train"), earlier)
    store.dies_before = None
    assert [run.done for run in list_runs(store)] == [STEP_NAMES[:done]]
    if done == 3:
        store.asked.clear()
        assert [run.done for run in list_runs(store)] == [STEP_NAMES[:3]]
        assert not [key for act, key in store.asked if act == "read"]


def test_a_record_that_is_just_being_written_keeps_its_mark(store: CountingStore) -> None:
    keep(store, "a", 2)
    store.write(writing_marker("rows", "a", "train"), b"")
    assert [run.done for run in list_runs(store)] == [STEP_NAMES[:2]]
    assert "writing-train" in marks(store, "a")
    store.write(record_key("rows", "a", "train"), record_of("a", "train").model_dump_json().encode())
    assert [run.done for run in list_runs(store)] == [STEP_NAMES[:3]]


def test_of_two_markers_the_one_with_more_steps_is_right(store: CountingStore) -> None:
    keep(store, "a", 2)
    (older,) = marks(store, "a")
    keep_record(store, record_of("a", "train"), read_run(store, "rows", "a").records)
    store.write(marker_prefix("rows", "a") + older, b"")
    assert [run.done for run in list_runs(store)] == [STEP_NAMES[:3]]


def test_a_marker_that_a_record_contradicts_is_mended_when_the_run_is_read(store: CountingStore) -> None:
    keep(store, "a", 3)
    store.delete(record_key("rows", "a", "train"))
    assert read_run(store, "rows", "a").done == STEP_NAMES[:2]
    assert [run.done for run in list_runs(store)] == [STEP_NAMES[:2]]


def test_a_run_that_was_taken_away_is_listed_no_more(store: CountingStore) -> None:
    keep(store, "a", 1)
    keep(store, "b", 1)
    store.delete(record_key("rows", "a", "ingest"))
    assert [run.run_id for run in list_runs(store)] == ["b"]
    assert marks(store, "a") == []


@pytest.mark.parametrize(
    "strange",
    ["20260102T030405.000678Z_done_audit____", "a/b", "x", "20269902T030405.000678Z_done_ingest___", "writing-"],
)
def test_a_mark_of_another_version_sends_to_the_records(store: CountingStore, strange: str) -> None:
    keep_unmarked(store, "a", 2)
    store.write(marker_prefix("rows", "a") + strange, b"")
    assert [run.done for run in list_runs(store)] == [STEP_NAMES[:2]]
    assert strange in marks(store, "a")


def test_a_run_with_a_record_that_became_unreadable_loses_its_marker_when_read(store: CountingStore) -> None:
    keep(store, "a", 3)
    store.write(record_key("rows", "a", "train"), b"{}")
    with capture_logs() as logs:
        assert read_run(store, "rows", "a").state == "unreadable"
    assert logs[0]["record"].endswith("runs/rows/a/train.json")
    assert [run.state for run in list_runs(store)] == ["unreadable"]


def test_a_record_without_a_time_zone_is_passed_over(store: CountingStore) -> None:
    keep(store, "a", 1)
    content = record_of("b", "ingest").model_dump_json().replace("5.000678Z", "5.000678")
    store.write(record_key("rows", "b", "ingest"), content.encode())
    assert [run.run_id for run in list_runs(store)] == ["a"]


def test_who_may_not_write_can_list_runs_of_an_earlier_version(store: CountingStore) -> None:
    keep_unmarked(store, "a", 6)
    store.read_only = True
    assert [run.state for run in list_runs(store)] == ["done"]
    assert marks(store, "a") == []


def test_folders_are_named_in_order(s3: S3, tmp_path: Path) -> None:
    stores = (
        open_store(Settings(home=tmp_path, store=str(tmp_path / "store"))),
        open_store(s3.settings(tmp_path, store=f"s3://{s3.make_bucket()}/a/prefix")),
    )
    for store in stores:
        for key in ("runs/b/1/x", "runs/a/y/z", "runs/file", "other/c/d"):
            store.write(key, b"")
        assert list(store.folders("runs/")) == ["a", "b"]
        assert list(store.folders("nowhere/")) == []
        assert list(Store.folders(store, "runs/")) == ["a", "b"]


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "0999-01-01T00:00:00Z"])
def test_a_record_of_a_time_that_no_calendar_can_tell_stops_no_list(store: CountingStore, when: str) -> None:
    keep(store, "a", 2)
    keep(store, "b", 2)
    key = record_key("rows", "a", "ingest")
    store.write(key, json.dumps(json.loads(store.read(key)) | {"started": when}).encode())
    for marker in list(store.list(marker_prefix("rows"))):
        store.delete(marker)
    with capture_logs() as logs:
        assert {run.run_id: run.state for run in list_runs(store)} == {"a": "unreadable", "b": "unfinished"}
    assert logs[0]["cause"] == "started: expected a time of the years 1970 to 9998"
