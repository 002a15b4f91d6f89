"""The record that each step leaves: what went in, what came out, and where. Six of them are a run's lineage."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from molino.contracts.address import hidden, without_credentials
from molino.contracts.errors import MolinoError
from molino.contracts.reading import Moment, read_json
from molino.contracts.steps import STEP_NAMES


def _known_step(name: str) -> str:
    if name not in STEP_NAMES:
        raise PydanticCustomError("step_name", "expected one of {steps}", {"steps": ", ".join(map(repr, STEP_NAMES))})
    return name


StepName = Annotated[str, AfterValidator(_known_step), WithJsonSchema({"enum": list(STEP_NAMES), "type": "string"})]
"""The name of a step of the graph."""
Status = Literal["done", "rejected"]
LONGEST_ERROR = 900
"""Characters of a failure's summary: a termination message has 4096 bytes."""


class Artifact(BaseModel):
    """A reference to bytes in the store."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str
    """Path below the store's root, such as `runs/housing/r1/ingest/clean.parquet`."""
    uri: str
    """Where it is for people and tools: `s3://…` or `file://…`."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)
    rows: int | None = Field(default=None, ge=0)


class Record(BaseModel):
    """One step of one run, written to `runs/<model>/<run-id>/<step>.json` as the step's last act.

    Every key that is added later has a default, so that the records of earlier versions can be read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1] = 1
    model: str
    run_id: str
    step: StepName
    status: Status
    """`rejected`: the gate said no, so nothing was registered or deployed; not an error."""
    model_file_sha256: str
    model_file_parts: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each parsed key of the model file that bears on the step (`molino.contracts.model_file.parts`)."""
    model_code: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each Python file of one's own beside the model file."""
    overrides: dict[str, str] = Field(default_factory=dict)
    """Settings that override the model file: `seed` and `candidates`, where they were given."""
    inputs: tuple[Artifact, ...] = ()
    outputs: tuple[Artifact, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    result: dict[str, Any] = Field(default_factory=dict)
    """The step's own result (`molino.contracts.results`), as JSON."""
    code_revision: str
    image: str | None
    started: Moment
    ended: Moment
    host: str

    @property
    def seconds(self) -> float:
        """Wall time of the step in seconds."""
        return (self.ended - self.started).total_seconds()

    def summary(self) -> str:
        """Return the status and the short facts of the result as JSON: what a container's termination message holds."""
        facts = {name: value for name, value in self.result.items() if isinstance(value, str | int | None)}
        return json.dumps({"status": self.status, **facts})


def failure_summary(error: Exception) -> str:
    """Return what a step that has failed says in place of its record's summary; `put-back` where it was taken back."""
    known = isinstance(error, MolinoError)
    told = str(error) if known else without_credentials(f"{type(error).__name__}: {error}")
    status = "put-back" if isinstance(error, MolinoError) and error.put_back else "failed"
    return json.dumps({"status": status, "error": " ".join(told.split())[:LONGEST_ERROR]}, ensure_ascii=False)


def parse_record(data: bytes, model: str, step: str) -> Record | str:
    """Return the record of a step of a model, or why the bytes are none."""
    record = read_json(Record, data)
    if isinstance(record, str):
        return record
    if (record.model, record.step) != (model, step):
        return f"it is the record of {record.step} of {record.model}"
    return record.model_copy(update={"result": hidden(record.result)})  # earlier versions kept whole addresses


def record_key(model: str, run_id: str, step: str) -> str:
    """Return the store key of a step's record."""
    return f"runs/{model}/{run_id}/{step}.json"


def run_prefix(model: str, run_id: str) -> str:
    """Return the store prefix under which a run keeps its records and artifacts."""
    return f"runs/{model}/{run_id}/"


def tensorboard_prefix(model: str, run_id: str) -> str:
    """Return the store prefix under which a run keeps its candidates' TensorBoard logs."""
    return f"tensorboard/{model}/{run_id}/"
