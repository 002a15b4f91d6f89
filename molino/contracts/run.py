"""A run: the records that it has so far, and the facts of it that tell it in a list, whole in the key of its marker."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from molino.contracts.model_file import ModelFile
from molino.contracts.model_file.parts import used_parts
from molino.contracts.record import Record
from molino.contracts.steps import STEP_NAMES, STEPS

DATA_STEPS = tuple(step.name for step in STEPS if step.group == "data")
MARKERS = "runs/.markers"
"""No model has such a name."""
STARTED_FORMAT = "%Y%m%dT%H%M%S.%fZ"
MARKER = re.compile(
    r"(?P<started>\d{8}T\d{6}\.\d{6}Z)_(?P<state>[a-z]+)_(?P<done>[a-z-]+)_(?P<version>[A-Za-z0-9.-]{0,60})"
    r"_(?P<data>[0-9a-f]{0,16})_(?P<training>[0-9a-f]{0,16})"
)


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

    @property
    def summary(self) -> "RunSummary":
        """The facts that tell it in a list."""
        return RunSummary(
            self.model,
            self.run_id,
            self.started,
            self.state,
            self.done,
            self.version,
            data_of(self.records),
            training_of(self.records),
        )


@dataclass(frozen=True)
class RunSummary:
    """What a list tells of a run."""

    model: str
    run_id: str
    started: datetime
    state: str
    done: tuple[str, ...]
    version: str | None
    data: str
    """Digest of its data version; empty where there is none."""
    training: str
    """Digest of all that its steps after the data went by; empty where that isn't known."""

    @property
    def marker(self) -> str | None:
        """The key whose being there says all of this; none of a run that must be read."""
        facts = (
            self.started.astimezone(UTC).strftime(STARTED_FORMAT),
            self.state,
            "-".join(self.done),
            self.version or "",
            self.data,
            self.training,
        )
        name = "_".join(facts)
        readable = self.state != "unreadable" and MARKER.fullmatch(name)
        return f"{marker_prefix(self.model, self.run_id)}{name}" if readable else None


def marker_prefix(model: str, run_id: str = "") -> str:
    """Return the prefix of the markers of a run, or of all runs of a model."""
    return f"{MARKERS}/{model}/{run_id}/" if run_id else f"{MARKERS}/{model}/"


def writing_marker(model: str, run_id: str, step: str) -> str:
    """Return the key that says that a record is being written: until it is gone, the run must be read."""
    return f"{marker_prefix(model, run_id)}writing-{step}"


def parse_marker(key: str) -> RunSummary | None:
    """Return what a marker says, or none of a key that is none of this version of Molino."""
    *_, model, run_id, name = key.split("/")
    found = MARKER.fullmatch(name)
    done = tuple(found["done"].split("-")) if found else ()
    if found is None or not set(done) <= set(STEP_NAMES):
        return None
    try:
        started = datetime.strptime(found["started"], STARTED_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return RunSummary(
        model, run_id, started, found["state"], done, found["version"] or None, found["data"], found["training"]
    )


def data_of(records: Mapping[str, Record]) -> str:
    """Return the digest of path and revision of a run's data; empty where none is versioned."""
    version = records.get(DATA_STEPS[-1])
    found = (version.result.get("path"), version.result.get("revision")) if version else (None, None)
    return _digest(found) if all(found) else ""


def training_of(records: Mapping[str, Record]) -> str:
    """Return the digest of what the steps after the data went by; empty where one has no record, or knows no parts."""
    taken: dict[str, object] = {}
    for step in STEP_NAMES[len(DATA_STEPS) :]:
        record = records.get(step)
        if record is None or not record.model_file_parts:
            return ""
        taken[step] = (record.model_file_parts, record.overrides)
    return _digest(taken)


def training_wanted(file: ModelFile, overrides: Mapping[str, str], code: Mapping[str, bytes] | None = None) -> str:
    """Return the digest of what the steps after the data would go by now."""
    return _digest(
        {
            step.name: (
                used_parts(step.name, file, code),
                {name: overrides[name] for name in step.overrides if name in overrides},
            )
            for step in STEPS
            if step.name not in DATA_STEPS
        }
    )


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
