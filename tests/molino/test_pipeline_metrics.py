"""What the records of runs tell Prometheus."""

import shutil
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from molino.contracts.approval import Approval, approval_key
from molino.contracts.errors import RunError
from molino.contracts.record import Record, record_key
from molino.contracts.refusal import Refusal, refusal_key
from molino.contracts.results import Change
from molino.contracts.settings import Settings
from molino.contracts.steps import STEP_NAMES
from molino.pipeline_metrics import HELP, registry_of, serve
from tests.ports import free_port
from training.run_index import keep_record
from training.stores.contract import Store
from training.stores.file import FolderStore
from training.stores.opening import open_store

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ARTIFACT = {"key": "a", "uri": "file:///a", "sha256": "0" * 64, "bytes": 1}
RESULTS: dict[str, dict[str, Any]] = {
    "ingest": {
        "source_uri": "rows.csv", "source_sha256": "0" * 64, "source_bytes": 9, "rows_read": 100, "rows_clean": 90,
        "rows_quarantined": 7, "rows_dropped": 3, "clean": ARTIFACT, "quarantine": ARTIFACT, "report_json": ARTIFACT,
        "report_html": ARTIFACT,
    },
    "version": {
        "git_remote": "data.git", "revision": "2" * 40, "path": "rows.parquet", "md5": "3" * 32, "rows": 90,
        "created": True, "changes": [{"check": "rows", "told": "half the rows"}],
    },
    "evaluate": {
        "metric": "rmse", "best": "mlp", "champion_version": None, "champion_scores": None, "importance": {},
        "scores": {"mlp": {"rmse": {"value": 3.5, "low": 3.0, "high": 4.0}}},
        "verdict": {"accepted": False, "reasons": ["rmse 3.5 is above 3"]},
    },
    "register": {
        "version": "2", "candidate": "mlp", "mlflow_model_uri": "models:/rows/2", "release": ARTIFACT, "onnx": ARTIFACT,
        "waits": True,
    },
}  # fmt: skip
Told = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def keep(store: Store, run_id: str, steps: int, hour: int = 0, status: str = "done") -> None:
    """Write the records of the first steps of a run, each of which takes ten seconds."""
    earlier: dict[str, Record] = {}
    for number, step in enumerate(STEP_NAMES[:steps]):
        started = BEGAN + timedelta(hours=hour, seconds=10 * number)
        record = Record(
            model="rows",
            run_id=run_id,
            step=step,
            status=status if step in ("evaluate", "register", "deploy") else "done",
            model_file_sha256="0" * 64,
            result=RESULTS.get(step, {}),
            code_revision="0",
            image=None,
            started=started,
            ended=started + timedelta(seconds=10),
            host="here",
        )
        keep_record(store, record, earlier)
        earlier[step] = record


def read(metrics: CollectorRegistry) -> Told:
    """Return value by labels, without the model's, and by name."""
    told: Told = {}
    for family in text_string_to_metric_families(generate_latest(metrics).decode()):
        for sample in family.samples:
            labels = tuple(value for name, value in sample.labels.items() if name != "model")
            told.setdefault(sample.name, {})[labels] = sample.value
    return told


def test_an_empty_store_tells_that_it_answers(store: FolderStore) -> None:
    assert read(registry_of(store)) == {"molino_store_up": {(): 1}}


def test_a_refused_model_is_told_with_its_rows_and_scores(store: FolderStore) -> None:
    keep(store, "a", 6)
    keep(store, "b", 6, hour=1, status="rejected")
    told = read(registry_of(store))

    assert told["molino_pipeline_runs"][("done",)] == told["molino_pipeline_runs"][("rejected",)] == 1
    assert [state for (state,), on in told["molino_pipeline_last_run_state"].items() if on] == ["rejected"]
    assert told["molino_data_rows"] == {("read",): 100, ("clean",): 90, ("quarantined",): 7, ("dropped",): 3}
    assert told["molino_data_changes"] == {("false",): 1, ("true",): 0}
    assert told["molino_gate_accepted"] == {(): 0}
    assert told["molino_candidate_score"] == {("mlp", "rmse"): 3.5}
    assert told["molino_pipeline_step_seconds"] == dict.fromkeys(((step,) for step in STEP_NAMES), 10)
    assert told.keys() == HELP.keys() - {"molino_pipeline_interval_seconds"}


def test_a_release_that_was_not_deployed_is_told(store: FolderStore) -> None:
    keep(store, "a", 5)
    told = read(registry_of(store))

    assert [step for (step,), done in told["molino_pipeline_step_done"].items() if not done] == ["deploy"]
    assert told["molino_pipeline_last_run_state"][("unfinished",)] == 1
    assert told["molino_pipeline_last_run_started_timestamp_seconds"][()] == BEGAN.timestamp()
    assert told["molino_pipeline_last_record_timestamp_seconds"][()] == BEGAN.timestamp() + 50


def test_a_run_waits_for_an_approval_until_somebody_has_answered(store: FolderStore) -> None:
    metrics, waits, last = registry_of(store), "molino_pipeline_waits_for_approval", BEGAN + timedelta(hours=30)
    keep(store, "a", 5)
    before = read(metrics)
    said = Approval(approved=True, by="ann", at=last)
    store.write(approval_key("rows", "a"), said.model_dump_json().encode())
    after = read(metrics)

    assert (before[waits], after[waits]) == ({(): 1}, {(): 0})
    assert after["molino_pipeline_last_record_timestamp_seconds"] == {(): last.timestamp()}
    assert after["molino_pipeline_last_run_state"] == before["molino_pipeline_last_run_state"]


def test_data_that_was_refused_is_told_until_its_run_has_a_version(store: FolderStore) -> None:
    metrics, at = registry_of(store), BEGAN + timedelta(hours=30)
    keep(store, "a", 6)
    keep(store, "b", 1, hour=1)
    found = [
        Change(check="fewer_rows", refused=True, told="half the rows"),
        Change(check="new_values", told="one more"),
    ]
    said = Refusal(at=at, compared_with="2" * 40, changes=tuple(found))
    store.write(refusal_key("rows", "b"), said.model_dump_json().encode())
    refused = read(metrics)
    keep(store, "b", 2, hour=1)

    assert refused["molino_data_changes"] == {("false",): 1, ("true",): 1}
    assert refused["molino_pipeline_last_record_timestamp_seconds"] == {(): at.timestamp()}
    assert read(metrics)["molino_data_changes"] == {("false",): 1, ("true",): 0}


@pytest.mark.parametrize(
    ("hours", "interval"), [(range(0, 60, 10), 36000), ((0, 1, 2, 3, 4, 50), None), ((0, 10), None)]
)
def test_the_interval_of_a_model_that_runs_regularly_is_told(
    store: FolderStore, hours: Sequence[int], interval: float | None
) -> None:
    for hour in hours:
        keep(store, f"r{hour:02}", 1, hour)
    told = read(registry_of(store))
    assert told.get("molino_pipeline_interval_seconds") == (interval and {(): interval})


def test_a_run_that_goes_on_is_read_again(store: FolderStore) -> None:
    metrics = registry_of(store)
    keep(store, "a", 1)
    before = read(metrics)
    keep(store, "a", 2)
    after = read(metrics)

    assert (before["molino_pipeline_step_done"][("version",)], after["molino_pipeline_step_done"][("version",)]) == (
        0,
        1,
    )


def test_a_record_that_cannot_be_read_is_told(store: FolderStore) -> None:
    keep(store, "a", 1)
    store.write(record_key("rows", "a", "version"), b"no record")
    shutil.rmtree(store.root / "runs" / ".markers")

    told = read(registry_of(store))
    assert told["molino_pipeline_last_run_state"][("unreadable",)] == 1


def test_a_store_that_does_not_answer_is_told() -> None:
    settings = Settings(
        store="s3://molino",
        s3_endpoint=f"http://127.0.0.1:{free_port()}",
        s3_access_key="own",
        s3_secret_key="secret-key",
    )
    assert read(registry_of(open_store(settings))) == {"molino_store_up": {(): 0}}


@pytest.fixture
def url(store: FolderStore) -> Iterator[str]:
    server, thread = serve(store, "127.0.0.1", 0)
    with server:
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
    thread.join()


def test_the_path_of_the_probe_reads_nothing(store: FolderStore, url: str) -> None:
    keep(store, "a", 6)
    with urllib.request.urlopen(f"{url}/favicon.ico", timeout=10) as answer:
        assert (answer.status, answer.read()) == (200, b"")


def test_they_are_served(store: FolderStore, url: str) -> None:
    keep(store, "a", 6)
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "molino_pipeline_runs" in answer.read().decode()


def test_a_port_that_is_taken_is_one_line(store: FolderStore, url: str) -> None:
    port = int(url.rpartition(":")[2])
    with pytest.raises(RunError, match=rf"^port {port} of 127\.0\.0\.1 can't be listened on \(.+\): .*--port"):
        serve(store, "127.0.0.1", port)


def test_a_host_that_nobody_knows_is_one_line(store: FolderStore) -> None:
    with pytest.raises(RunError, match=r"of nowhere\.invalid can't be listened on \(.+\): .*--host"):
        serve(store, "nowhere.invalid", free_port())
