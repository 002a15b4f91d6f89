"""What each step hands to the steps after it, as the `result` of its record: for the step `train`, `TrainResult`.

Keys that are added later have a default, so that the results of earlier versions can be read.
"""

import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from molino.contracts.address import Address
from molino.contracts.approval import Approval
from molino.contracts.reading import read_object
from molino.contracts.record import Artifact
from molino.contracts.splits.identity import SplitIdentity


class Result(BaseModel):
    """What a step gives back."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    TOLD: ClassVar[tuple[str, ...]] = ()
    """Lines for people, with the result's keys in braces."""

    @classmethod
    def tell(cls, content: Mapping[str, Any]) -> list[str]:
        """Return the lines of a recorded result of whatever version: a key that it lacks is said to be missing."""
        known = _Known({key: "none" if value is None else value for key, value in content.items()})
        return [line.format_map(known) for line in cls.TOLD]


class _Known(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return f"({key} not recorded)"


def result_class(step: str) -> type[Result]:
    """Return the class of a step's result, found by its name."""
    found: type[Result] = getattr(sys.modules[__name__], f"{step.capitalize()}Result")
    return found


class _Part(BaseModel):
    """A part of a result."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class IngestResult(Result):
    """Clean rows, and what was set aside."""

    TOLD = (
        "{source_uri} (sha256 {source_sha256})",
        "{rows_read} rows read, {rows_clean} clean, {rows_quarantined} set aside, {rows_dropped} dropped",
    )

    source_uri: Address
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
    coarse_features: dict[str, str] = Field(default_factory=dict)
    """Features of which 32-bit floats, in which graphs take numbers, can't tell all values apart; with what to do."""

    @classmethod
    def tell(cls, content: Mapping[str, Any]) -> list[str]:
        """Return the lines, and one of each feature that 32 bits can't hold well."""
        found = content.get("coarse_features")
        coarse = found.items() if isinstance(found, dict) else ()
        return [*super().tell(content), *(f"feature {name}: {cause}" for name, cause in coarse)]


class Change(_Part):
    """A difference to the last data version, greater than the model file's `quality.checks` let pass."""

    check: str
    """The key of `quality.checks`."""
    column: str | None = None
    """The column; none where the rows as a whole differ."""
    refused: bool = False
    """Whether the model file says that there is no new version of such data."""
    told: str
    """The difference in words."""

    def __str__(self) -> str:
        """Say it on one line."""
        return f"{f'{self.column}: ' if self.column else ''}{self.told} ({self.check})"


class VersionResult(Result):
    """The data as git and DVC know it."""

    TOLD = (
        "{git_remote} at {revision}",
        "{path} (md5 {md5}), {rows} rows",
    )

    git_remote: Address
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    """The commit whose `<path>.dvc` names the data."""
    path: str
    """Path of the data inside the git repository, such as `housing/clean.parquet`."""
    md5: str
    """DVC's own hash of the data."""
    rows: int
    created: bool
    """False when the data was unchanged, so that no commit was made."""
    compared_with: str | None = None
    """The revision of the last version, with which the data was compared; none where it wasn't."""
    changes: tuple[Change, ...] = ()
    """What differs from it more than the model file lets pass without a warning."""

    @classmethod
    def compared(cls, content: Mapping[str, Any]) -> list[str]:
        """Return what the comparison of a recorded result said, in lines for people; none of a version without one."""
        result = read_object(cls, content)
        if isinstance(result, str) or "compared_with" not in content:
            return []
        if result.compared_with is None:
            cause = "the last version has no summary, or there is none" if result.created else "the data is unchanged"
            return [f"nothing to compare with: {cause}"]
        found = [f"against the last version: {change}" for change in result.changes]
        return found or [f"much as the last version, {result.compared_with[:12]}"]

    @classmethod
    def tell(cls, content: Mapping[str, Any]) -> list[str]:
        """Return the lines, and what the comparison said."""
        return [*super().tell(content), *cls.compared(content)]


class SearchResult(_Part):
    """What became of the search of a candidate's ranges."""

    trials: int
    pruned: int
    """Of these, how many were ended early."""
    failed: int
    """And how many could not be trained."""
    seconds: float


class CandidateResult(_Part):
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
    validation: dict[str, float] = Field(default_factory=dict)
    """Every metric of the task, by its name, on validation rows, or its mean over the folds."""
    validation_spread: dict[str, float] = Field(default_factory=dict)
    """Of a choice by folds: the standard deviation of each metric over them."""
    half_width: float | None = None
    """Of a prediction interval of the model file's level, in the target's unit; none where it asks for none."""
    calibration_rows: int | None = None
    """Rows that tell it: kept for it, or those that each fold leaves out."""
    threshold: float | None = None
    """Probability from which on a row is labelled as the positive class; none where the model file asks for none."""
    factors: dict[str, float] = Field(default_factory=dict)
    """By class: what its probability is multiplied by before the greatest is the label; where there are costs."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Of an ensemble: how much each member counts, by its name; they add up to 1."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """What a search has found best, by the key of the range, such as `parameters.max_depth`."""
    search: SearchResult | None = None
    """None where the model file gives no range."""


class Baseline(_Part):
    """What a model must beat: the answer of one that looks at no feature, found on training rows."""

    kind: Literal["mean", "prior"]
    value: float | None = None
    """Of a regression: the mean of the target."""
    last_value: float | None = None
    """Of a regression split by time: the target of the last training row (the mean, of several at that time)."""
    probabilities: tuple[float, ...] | None = None
    """Of a classification: the share of each class, in the order of the model file."""


class TrainResult(Result):
    """Every candidate, and the held-out rows that none of them has seen."""

    TOLD = (
        "MLflow run {mlflow_run_id} of experiment {mlflow_experiment_id}",
        "{rows_train} rows to train on, {rows_validation} to validate, {rows_test} held out",
    )

    revision: str
    mlflow_experiment_id: str
    mlflow_run_id: str
    """The parent run; each candidate is a child run of it."""
    candidates: tuple[CandidateResult, ...]
    held_out: Artifact
    """Parquet of the test rows: feature columns as in the clean data, the target, and what rows are split by."""
    reference: Artifact
    """JSON of `molino.contracts.release.Reference` per feature, counted on the training rows."""
    rows_train: int
    rows_validation: int
    rows_test: int
    split: SplitIdentity | None = None
    selected: str | None = None
    """The candidate that was chosen, on validation rows or by folds."""
    selection: str = "validation"
    """What it was chosen on: `validation` or `folds`."""
    baseline: Baseline | None = None
    failed: dict[str, str] = Field(default_factory=dict)
    """Candidate to cause, of those that could not be trained."""
    full: CandidateResult | None = None
    """The chosen candidate trained again on all rows, to be served; `candidates` has the one that is judged."""

    @classmethod
    def tell(cls, content: Mapping[str, Any]) -> list[str]:
        """Return the lines, and whether what serves was trained on all rows."""
        full = read_object(CandidateResult, content.get("full"))
        more = [f"{full.name} trained again on all rows, to be served"] if isinstance(full, CandidateResult) else []
        return [*super().tell(content), *more]


class Interval(_Part):
    """A metric with its 95 % bootstrap confidence interval."""

    value: float
    low: float
    high: float


class Slice(_Part):
    """The chosen candidate on the held-out rows of one value of a feature."""

    value: str | None
    """None where it is missing."""
    rows: int
    small: bool
    """Whether there are so few rows that the metrics tell little."""
    scores: dict[str, Interval]
    """By metric; without those that are undefined on these rows."""


class Verdict(_Part):
    """What the gate decided, and why."""

    accepted: bool
    reasons: tuple[str, ...]


class EvaluateResult(Result):
    """Scores on the held-out rows, through the ONNX graphs."""

    TOLD = ("best candidate: {best}, by {metric}",)

    metric: str
    scores: dict[str, dict[str, Interval]]
    """Candidate name, then metric name."""
    best: str
    champion_version: str | None
    champion_scores: dict[str, Interval] | None
    """The champion on the rows of the comparison; none where it isn't compared."""
    compared_rows: int | None = None
    """Held-out rows that neither the candidate nor the champion has seen."""
    difference: Interval | None = None
    """Candidate less champion by the metric, paired over those rows."""
    baseline_scores: dict[str, Interval] = Field(default_factory=dict)
    """The metric of each baseline on the held-out rows, by what it answers."""
    ignored_classes: tuple[str, ...] = ()
    """Classes that the best candidate all but ignores."""
    importance: dict[str, float]
    """Permutation importance of the best candidate: rise of the loss when a feature is shuffled."""
    coverage: Interval | None = None
    """Share of the held-out rows that the best candidate's prediction intervals hold; none where there are none."""
    slices: dict[str, tuple[Slice, ...]] = Field(default_factory=dict)
    """By feature: its values, those of most rows first."""
    verdict: Verdict

    @classmethod
    def tell(cls, content: Mapping[str, Any]) -> list[str]:
        """Return the lines, and what the gate said."""
        verdict = read_object(Verdict, content.get("verdict"))
        return [*super().tell(content), *(verdict.reasons if isinstance(verdict, Verdict) else ())]


class RegisterResult(Result):
    """The model version and its release bundle; both none when the gate said no."""

    TOLD = (
        "version {version} from candidate {candidate}",
        "{mlflow_model_uri}",
    )

    version: str | None
    candidate: str | None
    mlflow_model_uri: str | None
    release: Artifact | None
    """`releases/<model>/<version>/release.json`."""
    onnx: Artifact | None
    waits: bool | None = None
    """Whether a person is to approve it before it comes into service."""


class DeployResult(Result):
    """What serves after this step."""

    TOLD = ("version {version} in service at {endpoint}, after {previous_version}",)

    target: str
    version: str | None
    previous_version: str | None
    endpoint: Address | None
    answered: list[float | str] | None
    """What the server answered to the release's own example; none where none is asked."""
    approval: Approval | None = None
    """What a person has said, where the model file wants to know."""

    @classmethod
    def tell(cls, content: Mapping[str, Any]) -> list[str]:
        """Return the lines, and who approved or refused."""
        said = read_object(Approval, content.get("approval"))
        if not isinstance(said, Approval):
            return super().tell(content)
        return [*super().tell(content), said.told] if said.approved else [said.told]
