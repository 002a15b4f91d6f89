"""The runs that the store knows, and which one a new start takes up."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

import structlog

from molino.contracts.errors import StoreError
from molino.contracts.identifiers import check_model_name, check_run_id, is_model_name, is_run_id
from molino.contracts.model_file import LoadedModel
from molino.contracts.record import Record, parse_record, record_key
from molino.contracts.steps import STEP_NAMES
from training.ingest.source import redacted
from training.stores.folder import Store


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
        """`done`, `rejected` by the gate, `unfinished`, or `unreadable` where a record can't be read."""
        if self.unread:
            return "unreadable"
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
    reason: str


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


def plan(store: Store, loaded: LoadedModel, served: str | None, source: str | None = None) -> Plan:
    """Decide what a start does with the newest run of a model.

    Args:
        store: where the records are.
        loaded: the model file as it is now.
        served: the version that the server answers with now, if any.
        source: overrides the model file's source, as the settings have it.
    """
    newest = next(iter(list_runs(store, loaded.file.name)), None)
    if newest is None:
        return _new("there is no run yet")
    if newest.unread:
        return _new(f"records of run {newest.run_id} can't be read")
    if any(record.model_file_sha256 != loaded.sha256 for record in newest.records.values()):
        return _new(f"the model file has changed since run {newest.run_id}")
    uri = source or loaded.file.source.uri
    near = _local_source(uri, Path() if source else loaded.path.parent)
    if _differs(near, newest) if near else _is_elsewhere(uri, newest):
        return _new(f"the source has changed since run {newest.run_id}")
    if newest.state == "unfinished":
        return Plan(newest.run_id, "resume", newest.done, f"it was interrupted after {newest.done[-1]}")
    if near is None:
        return _new(f"{redacted(uri)} may have changed since run {newest.run_id}")
    if newest.state == "done" and newest.version != served:
        return _new(f"version {newest.version} of run {newest.run_id} is not in service")
    return Plan(newest.run_id, "complete", newest.done, "model file and source are unchanged")


def new_run_id() -> str:
    """Return an id that sorts by time and that no other start has."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _new(reason: str) -> Plan:
    return Plan(new_run_id(), "new", (), reason)


def _local_source(uri: str, folder: Path) -> Path | None:
    """Return the path of a source on this machine."""
    if uri.startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    return None if "://" in uri else folder / Path(uri).expanduser()


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
