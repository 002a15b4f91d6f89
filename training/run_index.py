"""The runs in the store, told by their markers: two listings for a model, however many runs it has.

Beside the records of a run lies a marker, an empty object whose key says what a list tells of the run. The records are
the truth. A record is written between two marks: `writing-<step>` before it, the new marker after it. So a writer that
dies in between leaves a mark that sends readers to the records; they mend the marker. A run without one, as earlier
versions left it, is read in the same way.
"""

from collections.abc import Iterator, Mapping

import structlog

from molino.contracts.errors import StoreError
from molino.contracts.identifiers import is_model_name, is_run_id
from molino.contracts.record import Record, parse_record, record_key, run_prefix
from molino.contracts.run import Run, RunSummary, marker_prefix, parse_marker, writing_marker
from molino.contracts.steps import STEP_NAMES
from training.stores.contract import Store


def keep_record(store: Store, record: Record, earlier: Mapping[str, Record]) -> None:
    """Write a step's record and the marker of its run.

    Args:
        store: where the run is.
        record: of the step that has ended.
        earlier: the run's other records, by step.
    """
    store.write(writing_marker(record.model, record.run_id, record.step), b"")
    store.write(record_key(record.model, record.run_id, record.step), record.model_dump_json(indent=2).encode())
    run = Run(record.model, record.run_id, {**earlier, record.step: record})
    _mark(store, run, list(store.list(marker_prefix(run.model, run.run_id))))


def summaries(store: Store, model: str) -> Iterator[RunSummary]:
    """Yield what is told of each run of a model that has a record; only runs without a marker are read."""
    marked = _read_markers(store, model)
    folders = list(store.folders(f"runs/{model}/"))
    for run_id in folders:
        if not is_run_id(run_id):
            where = store.uri(run_prefix(model, run_id))
            structlog.get_logger().warning("record passed over", record=where, cause="no run has such an id")
        elif summary := marked.get(run_id):
            yield summary
        elif (run := read_run(store, model, run_id)).records:
            yield run.summary
    for run_id in marked.keys() - set(folders):
        for key in list(store.list(marker_prefix(model, run_id))):
            _try(store, key, gone=True)


def models_with_runs(store: Store) -> list[str]:
    """Return the names of the models that have runs."""
    return [name for name in store.folders("runs/") if is_model_name(name)]


def read_run(store: Store, model: str, run_id: str) -> Run:
    """Return a run with its records, and mend its marker where that says something else.

    What can't be read is passed over, and named in a line of the log.
    """
    marks = list(store.list(marker_prefix(model, run_id)))
    records: dict[str, Record] = {}
    unread: dict[str, str] = {}
    for step in _recorded_steps(store, model, run_id):
        key = record_key(model, run_id, step)
        record = parse_record(store.read(key), model, step)
        if isinstance(record, str):
            structlog.get_logger().warning("record passed over", record=store.uri(key), cause=record)
            unread[step] = record
        else:
            records[step] = record
    run = Run(model, run_id, records, unread)
    if records:
        _mark(store, run, marks, mending=True)
    return run


def _recorded_steps(store: Store, model: str, run_id: str) -> list[str]:
    found = set(store.list(run_prefix(model, run_id)))
    return [step for step in STEP_NAMES if record_key(model, run_id, step) in found]


def _read_markers(store: Store, model: str) -> dict[str, RunSummary]:
    """Return what the markers say of each run whose marker can be gone by."""
    found: dict[str, RunSummary] = {}
    writing: set[str] = set()
    for key in store.list(marker_prefix(model)):
        run_id, _, name = key.removeprefix(marker_prefix(model)).partition("/")
        if name.startswith("writing-"):
            writing.add(run_id)
        elif (summary := parse_marker(key)) and len(summary.done) > len(found[run_id].done if run_id in found else ()):
            found[run_id] = summary
    return {run_id: summary for run_id, summary in found.items() if run_id not in writing}


def _mark(store: Store, run: Run, marks: list[str], mending: bool = False) -> None:
    """Write a run's marker, and take away those among its marks that are no longer true.

    Readers mend as far as they may: who can't write into the store reads again the next time.
    """
    marker = run.summary.marker
    over = {writing_marker(run.model, run.run_id, step) for step in run.done}
    stale = [key for key in marks if key != marker and (key in over or parse_marker(key))]
    if marker and marker not in marks:
        if not mending:
            store.write(marker, b"")
        elif not _try(store, marker):
            return
    for key in stale:
        _try(store, key, gone=True)


def _try(store: Store, key: str, gone: bool = False) -> bool:
    """Write an empty object, or take one away; tell whether the store lets us."""
    try:
        if gone:
            store.delete(key)
        else:
            store.write(key, b"")
    except StoreError as error:
        structlog.get_logger().info("marker not mended", marker=store.uri(key), cause=str(error))
        return False
    return True
