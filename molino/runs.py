"""The runs that the store knows, and which one a new start takes up."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from molino.contracts.errors import StoreError
from molino.contracts.model_file import LoadedModel
from molino.contracts.record import Record
from molino.contracts.steps import STEP_NAMES
from training.ingest.source import redacted
from training.step import read_record
from training.stores.folder import Store


@dataclass(frozen=True)
class Run:
    """One run: the records that it has so far, by step."""

    model: str
    run_id: str
    records: Mapping[str, Record]

    @property
    def done(self) -> tuple[str, ...]:
        """Names of the steps that have their record, in order."""
        return tuple(step for step in STEP_NAMES if step in self.records)

    @property
    def state(self) -> str:
        """`done`, `rejected` by the gate, or `unfinished`."""
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
    """Return the runs that have a record, of one model or of all, the newest first."""
    found: dict[tuple[str, str], dict[str, Record]] = {}
    for model_name, run_id, step in _record_keys(store, model):
        record = read_record(store, model_name, run_id, step)
        if record:
            found.setdefault((model_name, run_id), {})[step] = record
    runs = [Run(name, run_id, records) for (name, run_id), records in found.items()]
    return sorted(runs, key=lambda run: run.started, reverse=True)


def find_run(store: Store, run_id: str, model: str | None = None) -> Run:
    """Return one run.

    Raises:
        StoreError: no model has a run of that id, or more than one has.
    """
    runs = [run for run in list_runs(store, model) if run.run_id == run_id]
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
        if len(parts) == 4 and parts[3].removesuffix(".json") in STEP_NAMES:
            yield parts[1], parts[2], parts[3].removesuffix(".json")
