import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from molino.contracts.address import redacted
from molino.contracts.errors import StoreError
from molino.contracts.model_file import LoadedModel, load_model
from molino.contracts.model_file.parts import used_parts
from molino.contracts.promotion import Promotion
from molino.contracts.record import Record, record_key
from molino.contracts.steps import STEP_NAMES
from molino.runs import find_run, list_runs, new_run_id, plan, settle
from training.deploy.promotion import keep_promotion
from training.stores.file import FolderStore

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CSV = "x,y\n1,2\n"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedModel:
    return model_with_source(tmp_path, "rows.csv")


def model_with_source(tmp_path: Path, uri: str) -> LoadedModel:
    folder = tmp_path / "models" / "rows"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.csv").write_text(CSV)
    content = {
        "name": "rows",
        "title": "Rows",
        "task": "regression",
        "source": {"uri": uri},
        "target": {"name": "y"},
        "features": [{"name": "x", "type": "number"}],
        "candidates": [{"name": "linear", "kind": "linear"}],
        "metric": "rmse",
    }
    (folder / "model.yaml").write_text(yaml.safe_dump(content))
    return load_model(folder)


def keep(store: FolderStore, loaded: LoadedModel, run_id: str, steps: int, hour: int = 0, **changes: Any) -> None:
    """Write the records of the first steps of a run."""
    results: dict[str, dict[str, Any]] = {step: {} for step in STEP_NAMES}
    results["ingest"]["source_sha256"] = hashlib.sha256(CSV.encode()).hexdigest()
    results["ingest"]["source_uri"] = redacted(loaded.file.source.uri)
    results["deploy"]["version"] = "1"
    for step in STEP_NAMES[:steps]:
        content = {
            "model": loaded.file.name,
            "run_id": run_id,
            "step": step,
            "status": "done",
            "model_file_sha256": loaded.sha256,
            "result": results[step],
            "code_revision": "0",
            "image": None,
            "started": BEGAN + timedelta(hours=hour),
            "ended": BEGAN + timedelta(hours=hour, seconds=1),
            "host": "here",
        }
        record = Record.model_validate({**content, **changes})
        store.write(record_key(record.model, run_id, step), record.model_dump_json().encode())


def test_the_newest_run_is_listed_first(store: FolderStore, loaded: LoadedModel) -> None:
    keep(store, loaded, "a", 6, hour=1)
    keep(store, loaded, "b", 6, hour=2)
    keep(store, loaded, "c", 6, hour=0)
    assert [run.run_id for run in list_runs(store)] == ["b", "a", "c"]


def test_a_run_on_older_data_is_as_new_as_its_own_steps(store: FolderStore, loaded: LoadedModel) -> None:
    keep(store, loaded, "a", 6, hour=1)
    keep(store, loaded, "b", 6, hour=2)
    for step in ("ingest", "version"):
        store.write(record_key("rows", "b", step), store.read(record_key("rows", "a", step)))
    assert find_run(store, "b").started == BEGAN + timedelta(hours=2)


def test_runs_of_one_model_are_listed(store: FolderStore, loaded: LoadedModel) -> None:
    keep(store, loaded, "a", 1)
    keep(store, loaded, "b", 1, model="other")
    assert [run.run_id for run in list_runs(store, "other")] == ["b"]


def test_artifacts_are_no_runs(store: FolderStore) -> None:
    store.write("runs/rows/a/ingest/report.json", b"{}")
    assert list_runs(store) == []


@pytest.mark.parametrize(("steps", "state"), [(1, "unfinished"), (5, "unfinished"), (6, "done")])
def test_a_run_is_done_with_its_last_step(store: FolderStore, loaded: LoadedModel, steps: int, state: str) -> None:
    keep(store, loaded, "a", steps)
    assert list_runs(store)[0].state == state


def test_a_run_that_the_gate_refused_is_rejected(store: FolderStore, loaded: LoadedModel) -> None:
    keep(store, loaded, "a", 6, status="rejected")
    assert list_runs(store)[0].state == "rejected"


def test_a_run_is_found_by_its_id(store: FolderStore, loaded: LoadedModel) -> None:
    keep(store, loaded, "a", 3)
    assert find_run(store, "a").done == STEP_NAMES[:3]


def test_an_unknown_run_is_an_error(store: FolderStore) -> None:
    with pytest.raises(StoreError, match=r"no run 'a' in .*; molino runs lists them"):
        find_run(store, "a")


def test_an_id_of_two_models_wants_the_model(store: FolderStore, loaded: LoadedModel) -> None:
    keep(store, loaded, "a", 1)
    keep(store, loaded, "a", 1, model="other")
    with pytest.raises(StoreError, match="say which by --model"):
        find_run(store, "a")


def test_run_ids_are_never_the_same() -> None:
    assert len({new_run_id() for _ in range(20)}) == 20


def test_without_a_run_one_begins(store: FolderStore, loaded: LoadedModel) -> None:
    assert plan(store, loaded, None).kind == "new"


def test_a_complete_run_that_is_served_is_taken_up(store: FolderStore, loaded: LoadedModel) -> None:
    keep(store, loaded, "a", 6)
    chosen = plan(store, loaded, "1")
    assert (chosen.kind, chosen.run_id) == ("complete", "a")


def test_an_interrupted_run_is_resumed(store: FolderStore, loaded: LoadedModel) -> None:
    keep(store, loaded, "a", 3)
    chosen = plan(store, loaded, None)
    assert (chosen.kind, chosen.run_id, chosen.done) == ("resume", "a", STEP_NAMES[:3])


def test_only_the_newest_run_is_resumed(store: FolderStore, loaded: LoadedModel) -> None:
    keep(store, loaded, "a", 3, hour=1)
    keep(store, loaded, "b", 6, hour=2)
    assert plan(store, loaded, "1").run_id == "b"


def test_a_rejected_run_is_not_run_again(store: FolderStore, loaded: LoadedModel) -> None:
    keep(store, loaded, "a", 6, status="rejected")
    assert plan(store, loaded, None).kind == "complete"


@pytest.mark.parametrize("served", [None, "2"])
def test_a_complete_run_that_is_not_served_is_no_end(
    store: FolderStore, loaded: LoadedModel, served: str | None
) -> None:
    keep(store, loaded, "a", 6)
    assert plan(store, loaded, served).reason == "version 1 of run a is not in service"


@pytest.mark.parametrize(("hour", "kind"), [(-1, "new"), (2, "complete")])
def test_what_a_person_has_put_in_service_after_a_run_stands(
    store: FolderStore, loaded: LoadedModel, hour: int, kind: str
) -> None:
    keep_with_parts(store, loaded, "a", 6)
    when = BEGAN + timedelta(hours=hour)
    facts = {"model": "rows", "action": "rollback", "version": "0", "previous_version": "1", "run_id": "z"}
    said = {"target": "embedded", "by": "ann", "reason": "too low", "answered": None, "code_revision": "0", "host": "h"}
    keep_promotion(store, Promotion.model_validate({**facts, **said, "started": when, "ended": when}))
    assert plan(store, loaded, "0").kind == kind
    assert plan(store, loaded, "2").kind == "new"
    keep_with_parts(store, loaded, "b", 2, hour=1)
    settled = settle(store, loaded, "b", "0")
    assert (settled.run_id if settled else None) == ("a" if kind == "complete" else None)


@pytest.mark.parametrize("steps", [3, 6])
def test_a_changed_model_file_begins_a_run(store: FolderStore, loaded: LoadedModel, steps: int) -> None:
    keep(store, loaded, "a", steps, model_file_sha256="0" * 64)
    assert plan(store, loaded, "1").reason == "the model file has changed since run a"


@pytest.mark.parametrize("steps", [3, 6])
def test_a_changed_source_begins_a_run(store: FolderStore, loaded: LoadedModel, steps: int) -> None:
    keep(store, loaded, "a", steps)
    (loaded.path.parent / "rows.csv").write_text(CSV + "3,4\n")
    assert plan(store, loaded, "1").reason == "the source has changed since run a"


def test_another_source_of_the_settings_begins_a_run(store: FolderStore, loaded: LoadedModel, tmp_path: Path) -> None:
    keep(store, loaded, "a", 6)
    (tmp_path / "other.csv").write_text(CSV + "3,4\n")
    chosen = plan(store, loaded, "1", str(tmp_path / "other.csv"))
    assert chosen.reason == "the source has changed since run a"


def test_a_source_of_the_settings_is_in_the_working_folder(
    store: FolderStore, loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, loaded, "a", 6)
    monkeypatch.chdir(tmp_path)
    Path("same.csv").write_text(CSV)
    assert plan(store, loaded, "1", "same.csv").kind == "complete"


def test_a_source_may_be_a_file_uri(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "my rows.csv").write_text(CSV)
    near = model_with_source(tmp_path, (tmp_path / "my rows.csv").as_uri())
    keep(store, near, "a", 6)
    assert plan(store, near, "1").kind == "complete"


def test_an_interrupted_run_of_another_address_is_left(store: FolderStore, tmp_path: Path) -> None:
    far = model_with_source(tmp_path, "https://data.example/rows.csv")
    keep(store, far, "a", 3)
    assert plan(store, far, None, "https://data.example/others.csv").reason == "the source has changed since run a"


def test_a_far_source_is_told_without_its_secrets(store: FolderStore, tmp_path: Path) -> None:
    far = model_with_source(tmp_path, "https://me:secret@data.example/rows.csv?key=secret")
    keep(store, far, "a", 6)
    assert "secret" not in plan(store, far, "1").reason


def test_a_far_source_may_always_have_changed(store: FolderStore, tmp_path: Path) -> None:
    far = model_with_source(tmp_path, "https://data.example/rows.csv")
    keep(store, far, "a", 6)
    assert plan(store, far, "1").reason == "https://data.example/rows.csv may have changed since run a"


def test_an_interrupted_run_of_a_far_source_is_resumed(store: FolderStore, tmp_path: Path) -> None:
    far = model_with_source(tmp_path, "https://data.example/rows.csv")
    keep(store, far, "a", 2)
    assert plan(store, far, None).kind == "resume"


def test_a_run_with_a_record_that_cannot_be_read_is_listed_and_not_taken_up(
    store: FolderStore, loaded: LoadedModel
) -> None:
    keep(store, loaded, "a", 3)
    store.write(record_key("rows", "a", "train"), b"{}")
    assert (list_runs(store)[0].state, list_runs(store)[0].done) == ("unreadable", ("ingest", "version"))
    assert plan(store, loaded, None).reason == "records of run a can't be read"


def test_a_folder_that_no_run_can_have_is_passed_over(store: FolderStore, loaded: LoadedModel) -> None:
    keep(store, loaded, "a", 1)
    store.write("runs/rows/a b/ingest.json", store.read(record_key("rows", "a", "ingest")))
    assert [run.run_id for run in list_runs(store)] == ["a"]


def rewritten(loaded: LoadedModel, **changes: Any) -> LoadedModel:
    """Return the model file with keys set anew."""
    path = loaded.path.parent / "model.yaml"
    path.write_text("# other bytes\n" + yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))
    return load_model(loaded.path.parent)


def keep_with_parts(store: FolderStore, loaded: LoadedModel, run_id: str, steps: int, hour: int = 0) -> None:
    """Write records that know the parts of the model file, and a data version that another run may share."""
    keep(store, loaded, run_id, steps, hour)
    for step in STEP_NAMES[:steps]:
        record = Record.model_validate_json(store.read(record_key("rows", run_id, step)))
        changes: dict[str, Any] = {"model_file_parts": used_parts(step, loaded.file)}
        if step == "version":
            changes["result"] = {"path": "rows/clean.parquet", "revision": "1" * 40, "created": hour == 0}
        store.write(record_key("rows", run_id, step), record.model_copy(update=changes).model_dump_json().encode())


def test_a_comment_in_the_model_file_begins_nothing(store: FolderStore, loaded: LoadedModel) -> None:
    keep_with_parts(store, loaded, "a", 6)
    assert plan(store, rewritten(loaded), "1").kind == "complete"


def test_another_candidate_takes_the_data_of_the_run_before(store: FolderStore, loaded: LoadedModel) -> None:
    keep_with_parts(store, loaded, "a", 6)
    other = rewritten(loaded, candidates=[{"name": "linear", "kind": "linear", "alpha": 2.0}])
    chosen = plan(store, other, "1")
    assert (chosen.kind, chosen.data_run, chosen.done) == ("new", "a", ("ingest", "version"))
    assert chosen.reason == "the model file has changed in candidates since run a"


def test_another_feature_wants_its_data_anew(store: FolderStore, loaded: LoadedModel) -> None:
    keep_with_parts(store, loaded, "a", 6)
    chosen = plan(store, rewritten(loaded, features=[{"name": "x", "type": "number", "minimum": 0.0}]), "1")
    assert (chosen.kind, chosen.data_run, chosen.done) == ("new", None, ())


@pytest.mark.parametrize("overrides", [{"seed": "3"}, {"candidates": "linear"}])
def test_another_seed_or_other_candidates_of_the_settings_begin_a_run(
    store: FolderStore, loaded: LoadedModel, overrides: dict[str, str]
) -> None:
    keep_with_parts(store, loaded, "a", 6)
    chosen = plan(store, loaded, "1", overrides=overrides)
    assert (chosen.kind, chosen.data_run) == ("new", "a")
    assert chosen.reason == f"MOLINO_{next(iter(overrides)).upper()} has changed since run a"


def test_data_that_made_no_version_is_trained_on_no_more(store: FolderStore, loaded: LoadedModel) -> None:
    keep_with_parts(store, loaded, "a", 6)
    keep_with_parts(store, loaded, "b", 2, hour=1)
    assert find_run(store, "b").state == "unchanged"
    settled = settle(store, loaded, "b", "1")
    assert settled is not None
    assert (settled.kind, settled.run_id) == ("complete", "a")
    assert plan(store, loaded, "1") == settled


@pytest.mark.parametrize("served", [None, "2"])
def test_unchanged_data_is_trained_on_where_its_model_is_not_served(
    store: FolderStore, loaded: LoadedModel, served: str | None
) -> None:
    keep_with_parts(store, loaded, "a", 6)
    keep_with_parts(store, loaded, "b", 2, hour=1)
    assert settle(store, loaded, "b", served) is None


def test_an_old_run_of_the_same_training_is_found_behind_many_others(store: FolderStore, loaded: LoadedModel) -> None:
    keep_with_parts(store, loaded, "a", 6)
    for hour in range(1, 9):
        other = rewritten(loaded, candidates=[{"name": "linear", "kind": "linear", "alpha": hour + 1.0}])
        keep_with_parts(store, other, f"b{hour}", 6, hour)
    keep_with_parts(store, loaded, "c", 2, hour=9)
    settled = settle(store, rewritten(loaded, candidates=[{"name": "linear", "kind": "linear"}]), "c", "1")
    assert settled is not None
    assert settled.run_id == "a"


def test_unchanged_data_is_trained_on_by_other_candidates(store: FolderStore, loaded: LoadedModel) -> None:
    keep_with_parts(store, loaded, "a", 6)
    keep_with_parts(store, loaded, "b", 2, hour=1)
    other = rewritten(loaded, candidates=[{"name": "linear", "kind": "linear", "alpha": 2.0}])
    assert settle(store, other, "b", "1") is None
    assert plan(store, other, "1").kind == "resume"
