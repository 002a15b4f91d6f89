"""The model file `pipelines/models/<name>/model.yaml`: strict, and each error names file, line, key and what to write."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from molino.errors import ModelFileError
from molino.record import StepName

MODEL_FILENAME = "model.yaml"
NAME_PATTERN = r"^[a-z][a-z0-9-]{0,39}$"
COLUMN_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
REGRESSION_METRICS = ("rmse", "mae", "r2")
CLASSIFICATION_METRICS = ("accuracy", "f1_macro", "log_loss", "roc_auc")
LOWER_IS_BETTER = frozenset({"rmse", "mae", "log_loss"})


class Part(BaseModel):
    """A section of the model file: frozen, and strict about keys and types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Source(Part):
    """Where the rows come from."""

    uri: str = Field(min_length=1)
    """A path relative to the model file, an absolute path, `s3://…` or `http(s)://…`; CSV or Parquet, plain or gzip."""
    format: Literal["auto", "csv", "parquet"] = "auto"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    missing: tuple[str, ...] = ("", "NA")
    """Cells of a CSV that mean no value."""


class Number(Part):
    """A real number."""

    name: str = Field(pattern=COLUMN_PATTERN)
    type: Literal["number"]
    description: str = ""
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    missing: Literal["refuse", "drop", "impute"] = "refuse"


class Integer(Part):
    """A whole number, exact in 32-bit floats (at most 2**24 in size)."""

    name: str = Field(pattern=COLUMN_PATTERN)
    type: Literal["integer"]
    description: str = ""
    unit: str | None = None
    minimum: int | None = Field(default=None, ge=-(2**24), le=2**24)
    maximum: int | None = Field(default=None, ge=-(2**24), le=2**24)
    missing: Literal["refuse", "drop", "impute"] = "refuse"


class Boolean(Part):
    """True or false; in a CSV also 0 and 1."""

    name: str = Field(pattern=COLUMN_PATTERN)
    type: Literal["boolean"]
    description: str = ""
    missing: Literal["refuse", "drop", "impute"] = "refuse"


class Category(Part):
    """One of a set of strings, listed here or learnt from the training rows."""

    name: str = Field(pattern=COLUMN_PATTERN)
    type: Literal["category"]
    description: str = ""
    values: tuple[Annotated[str, Field(min_length=1)], ...] | None = Field(default=None, min_length=1)
    """Allowed values; learnt from the training rows when not given."""
    unseen: Literal["refuse", "other"] = "refuse"
    """What a value outside the set means: an error, or one more value called other."""
    missing: Literal["refuse", "drop", "impute"] = "refuse"


Feature = Annotated[Number | Integer | Boolean | Category, Field(discriminator="type")]


class Target(Part):
    """What is predicted."""

    name: str = Field(pattern=COLUMN_PATTERN)
    description: str = ""
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    classes: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}$")], ...] | None = Field(
        default=None, min_length=2
    )
    """Of a classification: its classes, in the order of the probabilities."""


class Quality(Part):
    """What ingest lets through."""

    max_quarantined_share: float = Field(default=0.05, ge=0, le=1)
    """Above this share of rows that break a rule the step fails."""
    duplicates: Literal["keep", "drop", "quarantine"] = "keep"
    """What to do with rows equal in every feature and the target (the first one stays)."""


class Split(Part):
    """Which rows are held out. A row's part follows from the seed and its position in the clean data alone."""

    test: float = Field(default=0.2, gt=0, lt=1)
    validation: float = Field(default=0.15, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> Self:
        if self.test + self.validation >= 0.9:
            raise ValueError("test + validation must be below 0.9, to leave rows to train on")
        return self


class KerasMlp(Part):
    """A dense network of Keras, with early stopping on the validation rows."""

    name: str = Field(pattern=NAME_PATTERN)
    kind: Literal["keras_mlp"]
    hidden: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = (64, 64)
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    l2: float = Field(default=0.0, ge=0)
    learning_rate: float = Field(default=1e-3, gt=0)
    batch_size: int = Field(default=32, ge=1)
    epochs: int = Field(default=200, ge=1)
    patience: int = Field(default=20, ge=1)


class GradientBoosting(Part):
    """Histogram gradient boosting of scikit-learn."""

    name: str = Field(pattern=NAME_PATTERN)
    kind: Literal["gradient_boosting"]
    learning_rate: float = Field(default=0.1, gt=0)
    max_iter: int = Field(default=200, ge=1)
    max_leaf_nodes: int = Field(default=31, ge=2)
    min_samples_leaf: int = Field(default=20, ge=1)
    l2_regularization: float = Field(default=0.0, ge=0)


class Linear(Part):
    """Ridge regression, or logistic regression, of scikit-learn: the baseline."""

    name: str = Field(pattern=NAME_PATTERN)
    kind: Literal["linear"]
    alpha: float = Field(default=1.0, gt=0)
    """Strength of the L2 penalty."""


Candidate = Annotated[KerasMlp | GradientBoosting | Linear, Field(discriminator="kind")]


class Training(Part):
    """What holds for every candidate."""

    seed: int = Field(default=0, ge=0)
    sample_rows: int = Field(default=500_000, ge=100)
    """A candidate that can't stream trains on at most this many rows, drawn by the seed."""
    parity_tolerance: float = Field(default=1e-4, gt=0)
    """Greatest |ONNX - native| relative to the target's spread (regression), or of a probability (classification)."""


class Bound(Part):
    """Where a metric must lie."""

    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("give minimum, maximum or both")
        return self


class Gate(Part):
    """What the best candidate must reach to be registered."""

    bounds: dict[str, Bound] = Field(default_factory=dict)
    """Metric name to bounds on the held-out rows."""
    champion_tolerance: float = Field(default=0.0, ge=0)
    """How much worse than the champion, as a share of the champion's metric, is still let through."""


class Resources(Part):
    """Kubernetes quantities of a step's pod."""

    cpu: str = Field(default="500m", pattern=r"^\d+(\.\d+)?m?$")
    memory: str = Field(default="1Gi", pattern=r"^\d+(\.\d+)?(Ki|Mi|Gi)$")
    memory_limit: str | None = Field(default=None, pattern=r"^\d+(\.\d+)?(Ki|Mi|Gi)$")


class Serving(Part):
    """How requests are checked."""

    out_of_range: Literal["accept", "refuse"] = "accept"
    """What a number outside its feature's range means in a request: counted as drift, or an error."""
    max_rows: int = Field(default=10_000, ge=1)


class ModelFile(Part):
    """One model: its data, candidates, gate and service."""

    name: str = Field(pattern=NAME_PATTERN)
    title: str = Field(min_length=1)
    description: str = ""
    task: Literal["regression", "classification"]
    source: Source
    target: Target
    features: tuple[Feature, ...] = Field(min_length=1, max_length=2000)
    quality: Quality = Quality()
    split: Split = Split()
    training: Training = Training()
    candidates: tuple[Candidate, ...] = Field(min_length=1)
    metric: Literal["rmse", "mae", "r2", "accuracy", "f1_macro", "log_loss", "roc_auc"]
    """What the best candidate is picked by."""
    gate: Gate = Gate()
    schedule: str | None = None
    """Cron expression or Airflow preset of the data pipeline; none means by hand or by event."""
    resources: dict[StepName, Resources] = Field(default_factory=dict)
    serving: Serving = Serving()

    @field_validator("features", "candidates")
    @classmethod
    def _names_are_unique(cls, parts: tuple[Any, ...]) -> tuple[Any, ...]:
        seen: set[str] = set()
        for part in parts:
            if part.name in seen:
                raise ValueError(f"the name {part.name!r} is used twice")
            seen.add(part.name)
        return parts

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for problem in _contradictions(self):
            raise ValueError(problem)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Feature names in order, then the target."""
        return (*(feature.name for feature in self.features), self.target.name)


class LoadedModel(Part):
    """A model file with where it was read and the SHA-256 of its bytes."""

    file: ModelFile
    path: Path
    sha256: str


def _contradictions(model: ModelFile) -> Iterator[str]:
    """Yield what no single key can show to be wrong."""
    names = {feature.name for feature in model.features}
    if model.target.name in names:
        yield f"target {model.target.name!r} is also a feature; take it out of features"
    metrics = REGRESSION_METRICS if model.task == "regression" else CLASSIFICATION_METRICS
    for metric in (model.metric, *model.gate.bounds):
        if metric not in metrics:
            yield f"metric {metric!r} doesn't fit a {model.task}; use one of {', '.join(metrics)}"
    if model.task == "regression" and model.target.classes:
        yield "target.classes belongs to a classification; take it out or set task: classification"
    if model.task == "classification" and not model.target.classes:
        yield "target.classes is missing; list the classes in the order of the probabilities"
    for feature in model.features:
        yield from _range_contradictions(feature)


def _range_contradictions(feature: Number | Integer | Boolean | Category) -> Iterator[str]:
    if not isinstance(feature, Number | Integer):
        return
    if feature.minimum is not None and feature.maximum is not None and feature.minimum > feature.maximum:
        yield f"feature {feature.name!r} has minimum {feature.minimum} above maximum {feature.maximum}"


def load_model(path: Path) -> LoadedModel:
    """Read and check a model file.

    Raises:
        ModelFileError: the file can't be read, isn't YAML, or breaks the schema; one line per fault, each with
            file, line, key and what was expected.
    """
    if path.is_dir():
        path = path / MODEL_FILENAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: can't read the model file: {error.strerror}") from error
    model = parse_model(data, str(path))
    return LoadedModel(file=model, path=path.resolve(), sha256=hashlib.sha256(data).hexdigest())


def parse_model(data: bytes, where: str) -> ModelFile:
    """Check the bytes of a model file; `where` names it in errors."""
    try:
        root = yaml.compose(data, Loader=yaml.SafeLoader)
        content = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not UTF-8 text"
        raise ModelFileError(f"{where}{line}: not YAML: {problem}") from error
    if not isinstance(content, dict) or root is None:
        raise ModelFileError(f"{where}:1: expected a mapping with the keys name, task, source, …")
    duplicate = _duplicate_key(root)
    if duplicate:
        raise ModelFileError(f"{where}:{duplicate.start_mark.line + 1}: key {duplicate.value!r} is given twice")
    try:
        return ModelFile.model_validate_json(_as_json(content))
    except ValidationError as error:
        raise ModelFileError("\n".join(_explain(error, root, where))) from error


def _as_json(content: dict[str, Any]) -> str:
    """JSON mode is strict about types but takes lists for tuples, which YAML has no word for."""
    import json

    return json.dumps(content, default=str, allow_nan=True)


def _explain(error: ValidationError, root: yaml.Node, where: str) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        loc = _without_tags(fault["loc"], root)
        line, found = _locate(root, loc)
        key = ".".join(str(part) for part in loc) or "(the whole file)"
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = f"unknown key; expected one of {', '.join(_allowed_keys(loc[:-1], root))}"
        elif fault["type"] == "missing":
            message = "this key is required"
        got = f" (got {found!r})" if found is not None and fault["type"] not in ("extra_forbidden", "missing") else ""
        yield f"{where}:{line}: {key}: {message}{got}"


def _without_tags(loc: tuple[int | str, ...], root: yaml.Node) -> tuple[int | str, ...]:
    """Drop the discriminator tags that pydantic puts after a list index, such as `features.3.number.minimum`."""
    kept: list[int | str] = []
    for part in loc:
        if kept and isinstance(kept[-1], int) and kept[0] in ("features", "candidates") and len(kept) == 2:
            node = _walk(root, tuple(kept))
            if isinstance(node, yaml.MappingNode) and _discriminator(node) == part and not _tagged(kept):
                kept.append("")
                continue
        kept.append(part)
    return tuple(part for part in kept if part != "")


def _tagged(kept: list[int | str]) -> bool:
    return "" in kept


def _discriminator(node: yaml.MappingNode) -> str | None:
    for key, value in node.value:
        if key.value in ("type", "kind"):
            return str(value.value)
    return None


def _walk(node: yaml.Node | None, loc: tuple[int | str, ...]) -> yaml.Node | None:
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            return None
    return node


def _locate(root: yaml.Node, loc: tuple[int | str, ...]) -> tuple[int, str | None]:
    """Return the line (from 1) of a key, or of the nearest thing around it, and the scalar found there."""
    for size in range(len(loc), -1, -1):
        node = _walk(root, loc[:size])
        if node is not None:
            scalar = node.value if isinstance(node, yaml.ScalarNode) and size == len(loc) else None
            return node.start_mark.line + 1, scalar
    return 1, None


def _allowed_keys(loc: tuple[int | str, ...], root: yaml.Node) -> list[str]:
    """Return the keys that a section may have."""
    part: type[BaseModel] = ModelFile
    for step in loc:
        if step in ("features", "candidates"):
            node = _walk(root, loc[:2])
            tag = _discriminator(node) if isinstance(node, yaml.MappingNode) else None
            part = _variants()[tag] if tag in _variants() else part
            break
        annotation = part.model_fields[str(step)].annotation if str(step) in part.model_fields else None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            part = annotation
        elif step == "resources":
            part = Resources
        elif step == "bounds":
            part = Bound
    return list(part.model_fields)


def _variants() -> dict[str | None, type[BaseModel]]:
    return {
        "number": Number,
        "integer": Integer,
        "boolean": Boolean,
        "category": Category,
        "keras_mlp": KerasMlp,
        "gradient_boosting": GradientBoosting,
        "linear": Linear,
    }


def _duplicate_key(node: yaml.Node) -> yaml.ScalarNode | None:
    """Return the second of two equal keys; YAML forbids them, but PyYAML keeps the last."""
    if isinstance(node, yaml.SequenceNode):
        return next((found for child in node.value if (found := _duplicate_key(child))), None)
    if not isinstance(node, yaml.MappingNode):
        return None
    seen: set[str] = set()
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                return key
            seen.add(key.value)
        found = _duplicate_key(value)
        if found:
            return found
    return None


def find_models(folder: Path) -> dict[str, Path]:
    """Return name to path of every `<name>/model.yaml` below a folder, sorted; nothing is parsed."""
    return {path.parent.name: path for path in sorted(folder.glob(f"*/{MODEL_FILENAME}"))}
