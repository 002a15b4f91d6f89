"""What every step shares: it is handed its inputs, does its work, and leaves one record as its last act."""

import importlib
import shutil
import socket
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import structlog
from pydantic import BaseModel

from molino.contracts.errors import StepError
from molino.contracts.identifiers import check_run_id
from molino.contracts.model_file import LoadedModel, ModelFile
from molino.contracts.model_file.own_code import digests
from molino.contracts.model_file.parts import changed_overrides, changed_parts, used_parts
from molino.contracts.reading import read_object
from molino.contracts.record import Artifact, Record, Status, parse_record, record_key, run_prefix
from molino.contracts.settings import Settings, make_folder
from molino.contracts.steps import STEP_NAMES, STEPS, step_named
from training.claims import claimed
from training.run_index import keep_record, read_run
from training.stores.contract import Store
from training.stores.opening import open_store

if TYPE_CHECKING:
    from training.tracking.tracker import Tracker

Result = TypeVar("Result", bound=BaseModel)
TAKING_OLD_DATA = ("version",)
"""Steps that find bytes which an earlier run has left, and copy them no more."""


@dataclass(frozen=True)
class Context:
    """All that a step may touch."""

    settings: Settings
    loaded: LoadedModel
    run_id: str
    step: str
    store: Store
    records: Mapping[str, Record]
    """Records of the earlier steps of this run, by step name."""
    workdir: Path
    """An own folder for temporary files; removed after the record is written."""
    log: structlog.stdlib.BoundLogger

    @property
    def model(self) -> ModelFile:
        """The model file."""
        return self.loaded.file

    @cached_property
    def tracker(self) -> "Tracker":
        """MLflow, opened at first use, since its import is slow."""
        from training.tracking.tracker import Tracker

        return Tracker(self.settings)

    def key(self, name: str) -> str:
        """Return the store key of one of this step's own artifacts."""
        return f"{run_prefix(self.model.name, self.run_id)}{self.step}/{name}"

    def result(self, step: str, kind: type[Result]) -> Result:
        """Return an earlier step's result.

        Raises:
            StepError: its record is missing, or of another form.
        """
        record = self.records.get(step)
        if record is None:
            raise StepError(
                f"{self.step} of {self.model.name} run {self.run_id} needs the record of {step}; run that step first"
            )
        result = read_object(kind, record.result)
        if isinstance(result, str):
            uri = self.store.uri(record_key(self.model.name, self.run_id, step))
            raise StepError(f"{uri} was written by another version of Molino ({result}): start a new run")
        return result


@dataclass(frozen=True)
class Outcome:
    """What a step gives back; `run_step` makes the record of it."""

    result: BaseModel
    inputs: tuple[Artifact, ...] = ()
    outputs: tuple[Artifact, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    status: Status = "done"


def load_libraries(step: str, model: ModelFile) -> None:
    """Import what a step's work takes before it begins: its code, and what its `libraries(model)` names, in order."""
    module = importlib.import_module(f"training.{step}.step")
    for name in module.libraries(model) if hasattr(module, "libraries") else ():
        importlib.import_module(name)


def run_step(step: str, loaded: LoadedModel, run_id: str, settings: Settings) -> Record:
    """Run one step, or return its record where it has already run.

    The step's code is `training.<step>.step.run(context) -> Outcome`.

    Raises:
        MolinoError: any cause that a person can act on; nothing is recorded then.
    """
    check_run_id(run_id)
    store = open_store(settings)
    name = loaded.file.name
    log = structlog.get_logger().bind(model=name, run_id=run_id, step=step)
    done = read_record(store, name, run_id, step)
    if done:
        _refuse_another_model_file(done, loaded, store)
        _refuse_other_overrides(done, settings, store)
        log.info("already done", record=store.uri(record_key(name, run_id, step)))
        return done
    takes_old = settings.data_run or step in TAKING_OLD_DATA
    with claimed(store, name, run_id) if takes_old else nullcontext():
        return _run(step, loaded, run_id, settings, store, log)


def _run(
    step: str, loaded: LoadedModel, run_id: str, settings: Settings, store: Store, log: structlog.stdlib.BoundLogger
) -> Record:
    name = loaded.file.name
    workdir = make_folder(settings.work_folder.resolve() / name / run_id / step)
    earlier = STEP_NAMES[: STEP_NAMES.index(step)]
    if settings.data_run:
        _take_data(store, name, run_id, settings.data_run, earlier)
    records = {known: record for known in earlier if (record := read_record(store, name, run_id, known))}
    for missing in (known for known in earlier if known not in records):
        raise StepError(f"{step} of {name} run {run_id} needs the record of {missing}; run that step first")
    for record in records.values():
        _refuse_another_model_file(record, loaded, store)
    context = Context(settings, loaded, run_id, step, store, records, workdir, log)
    module = importlib.import_module(f"training.{step}.step")
    log.info("started")
    started = datetime.now(UTC)
    outcome: Outcome = module.run(context)
    record = Record(
        model=name,
        run_id=run_id,
        step=step,
        status=outcome.status,
        model_file_sha256=loaded.sha256,
        model_file_parts=used_parts(step, loaded.file, loaded.code),
        model_code=digests(loaded.code),
        overrides={name: settings.overrides[name] for name in step_named(step).overrides if name in settings.overrides},
        inputs=outcome.inputs,
        outputs=outcome.outputs,
        metrics=outcome.metrics,
        result=outcome.result.model_dump(mode="json"),
        code_revision=settings.code_revision,
        image=settings.image,
        started=started,
        ended=datetime.now(UTC),
        host=socket.gethostname(),
    )
    keep_record(store, record, records)
    shutil.rmtree(workdir, ignore_errors=True)
    log.info("ended", status=record.status, seconds=round(record.seconds, 3), metrics=record.metrics)
    return record


def _take_data(store: Store, model: str, run_id: str, data_run: str, earlier: Sequence[str]) -> None:
    """Give a run without data the records of the run that made it; they keep that run's name."""
    taken = False
    for step in (step.name for step in STEPS if step.group == "data" and step.name in earlier):
        own, made = (record_key(model, run, step) for run in (run_id, data_run))
        if not store.exists(own) and store.exists(made):
            store.write(own, store.read(made))
            taken = True
    if taken:
        read_run(store, model, run_id)


def read_record(store: Store, model: str, run_id: str, step: str) -> Record | None:
    """Return a step's record, or none where the step hasn't ended.

    Raises:
        StepError: what is there is no record that this version of Molino can read.
    """
    key = record_key(model, run_id, step)
    if not store.exists(key):
        return None
    record = parse_record(store.read(key), model, step)
    if isinstance(record, str):
        raise StepError(f"{store.uri(key)} is no record of this version of Molino ({record}): start a new run")
    return record


def _refuse_another_model_file(record: Record, loaded: LoadedModel, store: Store) -> None:
    """Refuse to go on where parts of the model file that a step used have changed since."""
    if parts := changed_parts(record, loaded):
        where = store.uri(record_key(record.model, record.run_id, record.step))
        what = "" if parts == ("model file",) else f" in {', '.join(parts)}"
        raise StepError(f"{loaded.path} has changed{what} since {where} was written: start a new run")


def _refuse_other_overrides(record: Record, settings: Settings, store: Store) -> None:
    """Refuse to take a step for done that was asked for with another seed, or other candidates."""
    if names := changed_overrides(record, settings.overrides):
        where = store.uri(record_key(record.model, record.run_id, record.step))
        variables = " and ".join(f"MOLINO_{name.upper()}" for name in names)
        raise StepError(f"{variables} changed since {where} was written: start a new run")
