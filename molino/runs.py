"""The runs that the store knows, and which one a new start takes up."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from molino.contracts.address import Address, redacted
from molino.contracts.errors import StoreError
from molino.contracts.identifiers import check_model_name, check_run_id
from molino.contracts.model_file import LoadedModel
from molino.contracts.model_file.parts import changed_overrides, changed_parts
from molino.contracts.promotion import Promotion
from molino.contracts.run import DATA_STEPS, Run, RunSummary, data_of, training_wanted
from molino.contracts.source_files import files_of, sha256_of_files
from molino.contracts.steps import STEPS
from training.run_index import models_with_runs, read_run, summaries
from training.stores.contract import Store

CLOSEST_READ = 3
"""Ended runs on the same data that are read, those first whose marker says that their training was the same."""


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


def list_runs(store: Store, model: str | None = None) -> list[RunSummary]:
    """Return what is told of the runs that have a record, of one model or of all, the newest first.

    What can't be read is passed over, and named in a line of the log.
    """
    models = [model] if model else models_with_runs(store)
    found = [summary for name in models for summary in summaries(store, name)]
    return sorted(found, key=lambda summary: summary.started, reverse=True)


def find_run(store: Store, run_id: str, model: str | None = None) -> Run:
    """Return one run.

    Raises:
        StoreError: no model has a run of that id, or more than one has.
    """
    check_run_id(run_id)
    models = [check_model_name(model)] if model else models_with_runs(store)
    runs = [run for run in (read_run(store, name, run_id) for name in models) if run.records]
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
    listed = next(iter(list_runs(store, loaded.file.name)), None)
    if listed is None:
        return _new("there is no run yet")
    newest = read_run(store, loaded.file.name, listed.run_id)
    if newest.unread:
        return _new(f"records of run {newest.run_id} can't be read")
    if parts := _changed(newest, loaded, "data"):
        return _new(f"{_named(parts)} since run {newest.run_id}")
    places = (Address(source),) if source else loaded.file.source.places
    uri = ", ".join(places)
    near = _local_source(places, Path() if source else loaded.path.parent)
    if _differs(near, newest) if near is not None else _is_elsewhere(uri, newest):
        return _new(f"the source has changed since run {newest.run_id}")
    if changed := _changed_training(newest, loaded, overrides or {}):
        reason = f"{changed} since run {newest.run_id}"
        takes_data = near is not None and newest.done[: len(DATA_STEPS)] == DATA_STEPS
        return replace(_new(reason), done=DATA_STEPS, data_run=newest.run_id) if takes_data else _new(reason)
    settled = settle(store, loaded, newest.run_id, served, overrides) if newest.done == DATA_STEPS else None
    if newest.state in ("unfinished", "unchanged") and settled is None:
        waits = newest.done[-1] == "register" and loaded.file.gate.approval == "required"
        cause = "it waits for an approval" if waits else f"it was interrupted after {newest.done[-1]}"
        return Plan(newest.run_id, "resume", newest.done, cause)
    if near is None:
        return _new(f"{redacted(uri)} may have changed since run {newest.run_id}")
    if settled is not None:
        return settled
    if newest.state == "done" and newest.version != served:
        chosen = _chosen_by_hand(store, loaded.file.name, served)
        if chosen is None or chosen.ended < newest.started:
            return _new(f"version {newest.version} of run {newest.run_id} is not in service")
        return Plan(newest.run_id, "complete", newest.done, f"version {served} was {chosen.told}")
    return Plan(newest.run_id, "complete", newest.done, "model file and source are unchanged")


def _chosen_by_hand(store: Store, model: str, served: str | None) -> Promotion | None:
    """Return by what a person has put the served version in service; none where nobody has."""
    from training.deploy.promotion import last_promotion

    last = last_promotion(store, model) if served else None
    return last if last and last.version == served else None


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
    data = data_of(read_run(store, loaded.file.name, run_id).records)
    wanted = training_wanted(loaded.file, overrides or {}, loaded.code)
    same = [run for run in list_runs(store, loaded.file.name) if data and run.data == data and run.run_id != run_id]
    chosen = _chosen_by_hand(store, loaded.file.name, served)
    ended = [
        run
        for run in same
        if run.state == "rejected"
        or (run.state == "done" and (run.version == served or (chosen and chosen.ended > run.started)))
    ]
    for listed in sorted(ended, key=lambda run: run.training != wanted)[:CLOSEST_READ]:
        run = read_run(store, loaded.file.name, listed.run_id)
        if not _changed_training(run, loaded, overrides or {}):
            return Plan(run.run_id, "complete", run.done, f"the data is unchanged since run {run.run_id}")
    return None


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


def _local_source(places: Sequence[Address], folder: Path) -> list[Path] | None:
    """Return the files of a source on this machine; none where any of it is elsewhere."""
    paths = [folder / path.expanduser() for place in places if (path := place.path) is not None]
    return [file for path in paths for file in files_of(path)] if len(paths) == len(places) else None


def _is_elsewhere(uri: str, run: Run) -> bool:
    """Tell whether a run's ingest read a source at another address."""
    ingest = run.records.get("ingest")
    return ingest is None or ingest.result.get("source_uri") != redacted(uri)


def _differs(source: list[Path], run: Run) -> bool:
    """Tell whether a source is another than the one that a run's ingest read."""
    ingest = run.records.get("ingest")
    return ingest is None or sha256_of_files(source) != ingest.result.get("source_sha256")
