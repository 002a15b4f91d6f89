"""The release bundle `releases/<model>/<version>/{model.onnx, release.json}`: all that serving needs."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from molino.contracts.address import Address
from molino.contracts.reading import read_json
from molino.contracts.splits.identity import SplitIdentity

MODEL_FILENAME = "model.onnx"
RELEASE_FILENAME = "release.json"
LAST_RELEASES = 10
"""So many of a model's releases the gate compares a candidate with; so they are kept."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Tensor(_Part):
    """One input or output of the graph; -1 in a shape is the batch."""

    name: str
    dtype: Literal["float32", "int64", "string"]
    shape: tuple[int, ...]


class Signature(_Part):
    """How features enter the graph and how answers leave it.

    `matrix`: one float32 input of shape [-1, features], columns in feature order (models of numbers and booleans).
    `columns`: one input of shape [-1] per feature, named as the feature; categories are strings, texts their words.
    A missing number is NaN and a missing category the empty string. Booleans are 0 and 1, dates whole days and times
    whole hours since 2000-01-01, times of a day whole seconds since midnight, NaN where missing.

    Regression has the one output `prediction` of shape [-1]. Classification has `label` (string, [-1]) and
    `probability_<class>` (float32, [-1]) for each class, in the order of `Release.classes`.
    """

    layout: Literal["matrix", "columns"]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Feature(_Part):
    """One feature as a request may give it."""

    name: str
    column: str | None = None
    """Its column in the source, where that has another name."""
    type: str
    """Found by its name in `serving/features` and `training/features`, which refuse the release where they lack it."""
    description: str = ""
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] | None = None
    """Of a category: the values that the model knows."""
    missing: Literal["refuse", "impute"]
    """`refuse`: null is an error of the request; `impute`: the graph fills it in."""
    unseen: Literal["refuse", "other"] = "refuse"
    """Of a category: what a value outside `values` means."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keys of the model file that this type alone has."""


class Reference(_Part):
    """A feature's distribution over the training rows, for drift.

    Numbers, and dates by the number that enters the graph, have `edges` (n + 1 inner bin edges, ascending) and `counts`
    (n); what falls outside counts to the first or last bin. Categories and booleans have `values` and `counts` of the
    same length.
    """

    rows: int
    missing: int
    edges: tuple[float, ...] | None = None
    values: tuple[str, ...] | None = None
    counts: tuple[int, ...]
    mean: float | None = None
    std: float | None = None

    @property
    def unknown(self) -> int:
        """Rows of values that the model doesn't know: what the counts lack."""
        return max(0, self.rows - self.missing - sum(self.counts))


class Lineage(_Part):
    """From the source file to this bundle."""

    run_id: str
    source_uri: Address
    source_sha256: str
    clean_sha256: str
    git_remote: Address
    data_revision: str
    data_path: str
    mlflow_run_id: str
    mlflow_model_uri: str
    candidate: str
    code_revision: str
    model_file_sha256: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """The candidate's hyperparameters that a search has found, by the key of the range."""


class Score(_Part):
    """A held-out metric with its 95 % confidence interval."""

    value: float
    low: float
    high: float


class Example(_Part):
    """Typical rows, none of the data, in feature order, and what the graph answers: for warm-up and deploy."""

    data: tuple[tuple[float | int | bool | str | None, ...], ...]
    predictions: tuple[float | str, ...]


class PredictionIntervals(_Part):
    """Split conformal intervals: each is an answer, less and more the half-width, cut to what the target may be.

    Among new rows like the held-out ones they hold the target of the share `level`, whatever the model.
    """

    level: float = Field(gt=0, lt=1)
    half_width: float = Field(ge=0)
    """In the target's unit."""
    rows: int
    """Rows that tell it, which the model, or those of the folds that each is from, wasn't fitted to."""
    coverage: Score | None = None
    """Share of the held-out rows that they hold."""
    minimum: float | None = None
    maximum: float | None = None

    def around(self, answer: float) -> tuple[float, float]:
        """Return the ends of the interval of an answer."""
        low, high = answer - self.half_width, answer + self.half_width
        return (
            low if self.minimum is None else max(low, self.minimum),
            high if self.maximum is None else min(high, self.maximum),
        )


class LabelThreshold(_Part):
    """Of two classes: from which probability on the label is the positive one; the graph has it so."""

    positive: str
    value: float = Field(gt=0, lt=1)


class Release(_Part):
    """`release.json`. Immutable once written; every key that is added later has a default."""

    schema_version: Literal[1] = 1
    name: str
    version: str
    title: str
    description: str
    task: Literal["regression", "classification"]
    created: datetime
    onnx_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    onnx_bytes: int
    signature: Signature
    features: tuple[Feature, ...]
    target: str
    target_unit: str | None = None
    classes: tuple[str, ...] | None = None
    """Of a classification, in the order of the probabilities."""
    metrics: dict[str, Score]
    reference: dict[str, Reference]
    example: Example
    lineage: Lineage
    split: SplitIdentity | None = None
    """How rows were held out; none in releases from before it was kept."""
    intervals: PredictionIntervals | None = None
    """Of a regression whose model file asks for them; none in releases from before there were any."""
    calibration: str | None = None
    """How the graph makes probabilities truer; none where it doesn't, and in releases from before it could."""
    threshold: LabelThreshold | None = None
    """None where the label is the more probable class, and in releases from before there were any."""
    serving: dict[str, Any] = Field(default_factory=dict)
    """The model file's `serving` section, as JSON."""


def release_prefix(model: str, version: str) -> str:
    """Return the store prefix of a bundle."""
    return f"releases/{model}/{version}/"


def parse_release(data: bytes) -> Release | str:
    """Return a release, or why the bytes are none of this version of Molino."""
    return read_json(Release, data)
