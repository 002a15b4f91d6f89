"""The runs that the store knows, and which one a new start takes up."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import structlog

from molino.contracts.address import Address, redacted
from molino.contracts.errors import StoreError
from molino.contracts.identifiers import check_model_name, check_run_id, is_model_name, is_run_id
from molino.contracts.model_file import LoadedModel
from molino.contracts.model_file.parts import changed_overrides, changed_parts
from molino.contracts.record import Record, parse_record, record_key
from molino.contracts.steps import STEP_NAMES, STEPS
from training.stores.contract import Store

DATA_STEPS = tuple(step.name for step in STEPS if step.group == "data")


@dataclass(frozen=True)
class Run:
    """One run: the records that it has so far, by step."""

    model: str
    run_id: str
    records: Mapping[str, Record]
    unread: Mapping[str, str] = field(default_factory=dict)
    """By step: why what stands for its record can't be read."""

    @property
    def done(self) -> tuple[str, ...]:
        """Names of the steps that have their record, in order."""
        return tuple(step for step in STEP_NAMES if step in self.records)

    @property
    def state(self) -> str:
        """How far it is.

        `done`, `rejected` by the gate, `unfinished`, `unchanged` where its data made no new version, so that nothing
        was trained, or `unreadable` where a record can't be read.
        """
        if self.unread:
            return "unreadable"
        if self.done == DATA_STEPS and self.records[DATA_STEPS[-1]].result.get("created") is False:
            return "unchanged"
        if len(self.records) < len(STEP_NAMES):
            return "unfinished"
        return "rejected" if any(record.status == "rejected" for record in self.records.values()) else "done"

    @property
    def started(self) -> datetime:
        """When its first step started; data that it took from another run is older."""
        own = [record.started for record in self.records.values() if record.run_id == self.run_id]
        return min(own or [record.started for record in self.records.values()])

    @property
    def version(self) -> str | None:
        """The version that its deploy step put in service."""
        deploy = self.records.get("deploy")
        version = deploy.result.get("version") if deploy else None
        return str(version) if version is not None else None


@dataclass(frozen=True)
class Plan:
    """What a start does: take a run up, or begin one; and why."""

    run_id: str
    kind: Literal["complete", "resume", "new"]
    done: tuple[str, ...]
    """Steps that needn't run."""
    reason: str
    data_run: str | None = None
    """Of a new run: the run whose data it takes."""


def list_runs(store: Store, model: str | None = None) -> list[Run]:
    """Return the runs that have a record, of one model or of all, the newest first.

    What can't be read is passed over, and named in a line of the log.
    """
    records: dict[tuple[str, str], dict[str, Record]] = {}
    unread: dict[tuple[str, str], dict[str, str]] = {}
    for model_name, run_id, step in _record_keys(store, model):
        record = _record(store, model_name, run_id, step)
        found = unread if isinstance(record, str) else records
        found.setdefault((model_name, run_id), {})[step] = record  # type: ignore[assignment]
    runs = [Run(*named, known, unread.get(named, {})) for named, known in records.items()]
    return sorted(runs, key=lambda run: run.started, reverse=True)


def _record(store: Store, model: str, run_id: str, step: str) -> Record | str:
    """Return a record, or why it can't be read, which the log tells too."""
    key = record_key(model, run_id, step)
    record = parse_record(store.read(key), model, step)
    if isinstance(record, str):
        structlog.get_logger().warning("record passed over", record=store.uri(key), cause=record)
    return record


def find_run(store: Store, run_id: str, model: str | None = None) -> Run:
    """Return one run.

    Raises:
        StoreError: no model has a run of that id, or more than one has.
    """
    check_run_id(run_id)
    runs = [run for run in list_runs(store, check_model_name(model) if model else None) if run.run_id == run_id]
    if len(runs) == 1:
        return runs[0]
    if runs:
        names = ", ".join(run.model for run in runs)
        raise StoreError(f"run {run_id!r} is in {store.uri('runs')} for {names}: say which by --model")
    raise StoreError(f"no run {run_id!r} in {store.uri('runs')}; molino runs lists them")


def plan(
    store: Store,
    loaded: LoadedModel,
    served: str | None,
    source: str | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Plan:
    """Decide what a start does with the newest run of a model.

    Args:
        store: where the records are.
        loaded: the model file as it is now.
        served: the version that the server answers with now, if any.
        source: overrides the model file's source, as the settings have it.
        overrides: what the settings give over the model file's training.
    """
    newest = next(iter(list_runs(store, loaded.file.name)), None)
    if newest is None:
        return _new("there is no run yet")
    if newest.unread:
        return _new(f"records of run {newest.run_id} can't be read")
    if parts := _changed(newest, loaded, "data"):
        return _new(f"{_named(parts)} since run {newest.run_id}")
    uri = source or loaded.file.source.uri
    near = _local_source(uri, Path() if source else loaded.path.parent)
    if _differs(near, newest) if near else _is_elsewhere(uri, newest):
        return _new(f"the source has changed since run {newest.run_id}")
    if changed := _changed_training(newest, loaded, overrides or {}):
        reason = f"{changed} since run {newest.run_id}"
        takes_data = near is not None and newest.done[: len(DATA_STEPS)] == DATA_STEPS
        return replace(_new(reason), done=DATA_STEPS, data_run=newest.run_id) if takes_data else _new(reason)
    settled = settle(store, loaded, newest.run_id, served, overrides) if newest.done == DATA_STEPS else None
    if newest.state in ("unfinished", "unchanged") and settled is None:
        return Plan(newest.run_id, "resume", newest.done, f"it was interrupted after {newest.done[-1]}")
    if near is None:
        return _new(f"{redacted(uri)} may have changed since run {newest.run_id}")
    if settled is not None:
        return settled
    if newest.state == "done" and newest.version != served:
        return _new(f"version {newest.version} of run {newest.run_id} is not in service")
    return Plan(newest.run_id, "complete", newest.done, "model file and source are unchanged")


def settle(
    store: Store, loaded: LoadedModel, run_id: str, served: str | None, overrides: Mapping[str, str] | None = None
) -> Plan | None:
    """Return the plan to leave it at an earlier run of the same data version, or none where there is work to do.

    Args:
        store: where the records are.
        loaded: the model file as it is now.
        run_id: a run whose data is versioned.
        served: the version that the server answers with now, if any.
        overrides: what the settings give over the model file's training.
    """
    runs = list_runs(store, loaded.file.name)
    data = next((_data_version(run) for run in runs if run.run_id == run_id), None)
    for run in runs:
        ended = run.state == "rejected" or (run.state == "done" and run.version == served)
        if data is None or not ended or run.run_id == run_id or _data_version(run) != data:
            continue
        if not _changed_training(run, loaded, overrides or {}):
            return Plan(run.run_id, "complete", run.done, f"the data is unchanged since run {run.run_id}")
    return None


def _data_version(run: Run) -> tuple[str, str] | None:
    """Return path and revision of a run's data."""
    version = run.records.get(DATA_STEPS[-1])
    found = (version.result.get("path"), version.result.get("revision")) if version else (None, None)
    return (str(found[0]), str(found[1])) if all(found) else None


def _changed(run: Run, loaded: LoadedModel, group: str) -> list[str]:
    """Return the keys of the model file that have changed since the steps of a group, in the order of the steps."""
    records = [run.records[step.name] for step in STEPS if step.group == group and step.name in run.records]
    return list(dict.fromkeys(part for record in records for part in changed_parts(record, loaded)))


def _changed_training(run: Run, loaded: LoadedModel, overrides: Mapping[str, str]) -> str:
    """Return in words what has changed for the steps after the data; nothing where nothing has."""
    if parts := _changed(run, loaded, "model"):
        return _named(parts)
    names = dict.fromkeys(name for record in run.records.values() for name in changed_overrides(record, overrides))
    if not names:
        return ""
    return f"{' and '.join(f'MOLINO_{name.upper()}' for name in names)} {'has' if len(names) == 1 else 'have'} changed"


def _named(parts: list[str]) -> str:
    what = "" if parts == ["model file"] else f" in {', '.join(parts)}"
    return f"the model file has changed{what}"


def new_run_id() -> str:
    """Return an id that sorts by time and that no other start has."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _new(reason: str) -> Plan:
    return Plan(new_run_id(), "new", (), reason)


def _local_source(uri: str, folder: Path) -> Path | None:
    """Return the path of a source on this machine."""
    path = Address(uri).path
    return None if path is None else folder / path.expanduser()


def _is_elsewhere(uri: str, run: Run) -> bool:
    """Tell whether a run's ingest read a source at another address."""
    ingest = run.records.get("ingest")
    return ingest is None or ingest.result.get("source_uri") != redacted(uri)


def _differs(source: Path, run: Run) -> bool:
    """Tell whether a source is another than the one that a run's ingest read."""
    ingest = run.records.get("ingest")
    if ingest is None or not source.is_file():
        return True
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() != ingest.result.get("source_sha256")


def _record_keys(store: Store, model: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield model, run id and step of every record: `runs/<model>/<run-id>/<step>.json`."""
    for key in store.list(f"runs/{model}/" if model else "runs/"):
        parts = key.split("/")
        if len(parts) != 4 or parts[3].removesuffix(".json") not in STEP_NAMES:
            continue
        if is_model_name(parts[1]) and is_run_id(parts[2]):
            yield parts[1], parts[2], parts[3].removesuffix(".json")
        else:
            structlog.get_logger().warning("record passed over", record=store.uri(key), cause="no run has such an id")
