"""What each step hands to the steps after it, as the `result` of its record."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from molino.contracts.record import Artifact


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IngestResult(_Result):
    """Clean rows, and what was set aside."""

    source_uri: str
    source_sha256: str
    source_bytes: int
    rows_read: int
    rows_clean: int
    rows_quarantined: int
    rows_dropped: int
    """Rows left out by a `drop` policy or as duplicates: not faults."""
    clean: Artifact
    quarantine: Artifact | None
    report_json: Artifact
    report_html: Artifact


class VersionResult(_Result):
    """The data as git and DVC know it."""

    git_remote: str
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    """The commit whose `<path>.dvc` names the data."""
    path: str
    """Path of the data inside the git repository, such as `housing/clean.parquet`."""
    md5: str
    """DVC's own hash of the data."""
    rows: int
    created: bool
    """False when the data was unchanged, so that no commit was made."""


class CandidateResult(_Result):
    """One trained candidate, and its ONNX graph."""

    name: str
    kind: str
    mlflow_run_id: str
    onnx: Artifact
    parity: float
    """Greatest |ONNX - native|, relative to the target's spread (regression) or absolute (probabilities)."""
    rows_trained: int
    sampled: bool
    """True when a candidate that can't stream was trained on a sample."""
    seconds: float


class TrainResult(_Result):
    """Every candidate, and the held-out rows that none of them has seen."""

    revision: str
    mlflow_experiment_id: str
    mlflow_run_id: str
    """The parent run; each candidate is a child run of it."""
    candidates: tuple[CandidateResult, ...]
    held_out: Artifact
    """Parquet of the test rows: feature columns as in the clean data, and the target."""
    reference: Artifact
    """JSON of `molino.contracts.release.Reference` per feature, counted on the training rows."""
    rows_train: int
    rows_validation: int
    rows_test: int


class Interval(_Result):
    """A metric with its 95 % bootstrap confidence interval."""

    value: float
    low: float
    high: float


class Verdict(_Result):
    """What the gate decided, and why."""

    accepted: bool
    reasons: tuple[str, ...]


class EvaluateResult(_Result):
    """Scores on the held-out rows, through the ONNX graphs."""

    metric: str
    scores: dict[str, dict[str, Interval]]
    """Candidate name, then metric name."""
    best: str
    champion_version: str | None
    champion_scores: dict[str, Interval] | None
    """The champion on the same held-out rows; none before the first deploy."""
    importance: dict[str, float]
    """Permutation importance of the best candidate: rise of the loss when a feature is shuffled."""
    verdict: Verdict


class RegisterResult(_Result):
    """The model version and its release bundle; both none when the gate said no."""

    version: str | None
    candidate: str | None
    mlflow_model_uri: str | None
    release: Artifact | None
    """`releases/<model>/<version>/release.json`."""
    onnx: Artifact | None


class DeployResult(_Result):
    """What serves after this step."""

    target: Literal["embedded", "kubernetes"]
    version: str | None
    previous_version: str | None
    endpoint: str | None
    answered: list[float | str] | None
    """What the server answered to the release's own example."""
