"""What a model file may hold: each section is a frozen pydantic model, strict about keys and types."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from molino.contracts.address import Address
from molino.contracts.candidates import AnyCandidate
from molino.contracts.features import AnyFeature
from molino.contracts.features.base import number_in
from molino.contracts.metrics import OF_A_LOSS, MetricName, metrics_of
from molino.contracts.model_file.checks import Checks
from molino.contracts.model_file.decision import Calibration, Threshold
from molino.contracts.model_file.rules import contradictions
from molino.contracts.numerals import plain_number
from molino.contracts.part import (
    CLASS_PATTERN,
    COLUMN_PATTERN,
    CPU_PATTERN,
    DELIMITER_PATTERN,
    LARGEST_COUNT,
    LIST,
    MAPPING,
    NAME_PATTERN,
    ONE,
    OR_LIST,
    OR_MAPPING,
    QUANTITY_PATTERN,
    Count,
    Header,
    Part,
    Seed,
    Word,
)
from molino.contracts.record import StepName
from molino.contracts.source_files import is_database
from molino.contracts.splits import AnySplit
from molino.contracts.splits.auto import Auto
from molino.contracts.tidy import tidied

PRESETS = frozenset({"@once", "@continuous", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly"})
PRESETS_LISTED = ", ".join(sorted(PRESETS))
CONTRADICTION = "contradiction"
"""Type of the pydantic error whose context holds, as `found`, each key and problem of `contradictions`."""


Encoding = Literal[
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "iso-8859-2", "iso-8859-15", "cp1250", "cp1251", "cp1252",
    "cp437", "cp850", "koi8-r", "shift_jis", "gb18030", "big5", "euc-kr",
]  # fmt: skip
NEVER_A_VALUE = ("", "NA")
USUAL_MISSING = (
    *NEVER_A_VALUE, "N/A", "n/a", "na", "#N/A", "#NA", "<NA>", "NaN", "nan", "-nan", "NAN", "NULL", "Null", "null",
    "NIL", "None", "none", "NONE", "-", "--", "?", ".",
)  # fmt: skip
"""What most often stands where there is no value."""


TransformName = Literal["log", "log1p"]
"""Found by its name in `training/train/transforms`."""
Place = Annotated[Address, Field(min_length=1)]
Places = Annotated[
    Annotated[Place, ONE] | Annotated[tuple[Place, ...], Field(min_length=1), LIST],
    OR_LIST,
]
"""One place, or a list of them."""


class Source(Part):
    """Where the rows come from."""

    uri: Places
    """A path relative to the model file, an absolute path, `s3://…` or `http(s)://…`; CSV or Parquet, plain or gzip.
    Also a folder, a pattern such as `data/*.csv`, or a list: files with the same columns are one table, and folders
    such as `year=2026` give a column."""
    format: Literal["auto", "csv", "parquet"] = "auto"
    query: str | None = Field(default=None, min_length=1)
    """What is read from a database, whose SQLAlchemy URL `uri` is then, such as `postgresql://app:${PASSWORD}@db/sales`;
    passwords stand in environment variables."""
    delimiter: str = Field(default=",", pattern=DELIMITER_PATTERN)
    """What parts the cells of a CSV; `whitespace` is any number of spaces and tabs."""
    quote: Literal['"', "'", "none"] = '"'
    """What stands around cells of a CSV that hold delimiters; with `none` quotes are signs as any other."""
    escape: Literal["doubled", "backslash"] = "doubled"
    """How a quote stands inside of quotes: twice, or after a backslash, which then goes before delimiters too."""
    skip_blanks: bool = False
    """Whether blanks may stand between a delimiter and a quote."""
    comment: str | None = Field(default=None, min_length=1, max_length=3)
    """What begins the lines of a CSV that are passed over."""
    encoding: Encoding = "utf-8"
    """How a CSV's text is encoded."""
    decimal: Literal[".", ","] = "."
    """What a CSV's numbers have before their fraction."""
    thousands: Literal[",", ".", " ", "'", "\u2019", "_", "\u00a0", "\u2009", "\u202f"] | None = None
    """What parts the thousands of a CSV's numbers, as in 1,200."""
    symbols: tuple[Annotated[str, Field(min_length=1, max_length=10)], ...] = ()
    """What a CSV's numbers may have before or after them, as in $5 or 12 %; it is taken off. `()`: amounts below zero
    stand in parentheses."""
    skip_lines: int = Field(default=0, ge=0)
    """Lines of a CSV before its header, or before its rows where it has none."""
    header: tuple[Header, ...] | None = Field(default=None, min_length=1)
    """Names of the columns of a CSV that has no header."""
    missing: tuple[Word, ...] = USUAL_MISSING
    """Cells that mean no value, numbers compared as numbers; the empty cell always does. Where not given, the usual
    words, but those that a feature or the target lists as a value."""

    @property
    def places(self) -> tuple[Address, ...]:
        """Where the files are."""
        return self.uri if isinstance(self.uri, tuple) else (self.uri,)

    @property
    def separator(self) -> str:
        """The sign that parts cells once they are read."""
        return "," if self.delimiter == "whitespace" else self.delimiter

    @property
    def rewritten(self) -> bool:
        """Whether a CSV is written by other rules than the usual ones."""
        usual = (self.quote, self.escape) == ('"', "doubled") and not self.skip_blanks and self.comment is None
        return not usual or self.delimiter == "whitespace"

    @property
    def plain_numbers(self) -> bool:
        """Whether numbers are written as programs write them."""
        return self.decimal == "." and self.thousands is None and not self.symbols

    def plain_number(self, cell: str) -> str:
        """Return a cell as programs write a number."""
        return plain_number(cell, self.decimal, self.thousands, self.symbols)

    @model_validator(mode="after")
    def _asks_a_database(self) -> Self:
        databases = [place for place in self.places if is_database(place.scheme)]
        if self.query is not None and (len(databases) != 1 or len(self.places) != 1):
            raise ValueError("query asks a database; expected one SQLAlchemy URL as uri, such as sqlite:///sales.db")
        if databases and self.query is None:
            raise ValueError("uri is a database; expected a query beside it, such as query: SELECT * FROM sales")
        if any(place.login and place.login[1] and not place.login[1].startswith("${") for place in databases):
            raise ValueError("uri holds a password; name an environment variable in its place, such as ${PASSWORD}")
        return self

    @model_validator(mode="after")
    def _parts_numbers_by_different_signs(self) -> Self:
        if self.thousands == self.decimal:
            raise ValueError(f"thousands and decimal are both {self.decimal!r}; expected different signs")
        return self

    @property
    def missing_numbers(self) -> frozenset[float]:
        """The numbers among what means no value, NaN left out."""
        return frozenset(number for word in self.missing if (number := number_in(word)) is not None)

    @property
    def excluded(self) -> tuple[str, ...]:
        """What no list of values may have."""
        return self.missing if "missing" in self.model_fields_set else NEVER_A_VALUE

    def missing_beside(self, values: tuple[str, ...] | None) -> tuple[str, ...]:
        """Return the cells that mean no value in a column that lists its values."""
        return tuple(word for word in self.missing if word not in (values or ()))


class Target(Part):
    """What is predicted."""

    name: str = Field(pattern=COLUMN_PATTERN)
    column: Header | None = None
    """Its column in the source, where that has another name."""
    description: str = ""
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    transform: TransformName | None = None
    """Of a regression: what candidates are fitted to in its place, `log` (of y) or `log1p` (of 1 + y). Answers, bounds
    and metrics are in the target's own unit."""
    missing: Literal["refuse", "drop"] = "refuse"
    """What a row without a target means: one that breaks a rule, or one to leave out."""
    classes: tuple[Annotated[Word, Field(pattern=CLASS_PATTERN)], ...] | None = Field(default=None, min_length=2)
    """Of a classification: its classes, in the order of the probabilities."""

    @property
    def header(self) -> str:
        """The name of its column in the source."""
        return self.column or self.name


class Quality(Part):
    """What ingest lets through."""

    max_quarantined_share: float = Field(default=0.05, ge=0, le=1)
    """Above this share of rows that break a rule the step fails."""
    duplicates: Literal["keep", "drop", "quarantine"] = "keep"
    """What to do with rows equal in every feature and the target (the first one stays)."""
    checks: Checks = Checks()
    """What is compared with the last data version."""


class Selection(Part):
    """How one of the candidates is chosen, and what it is trained on in the end. Test rows have no part in either."""

    folds: int | None = Field(default=None, ge=2, le=20)
    """Choose by the mean over this many folds of training and validation rows; by validation rows when not given."""
    refit: bool | None = None
    """Whether the chosen one is trained again, on training and validation rows, for as many rounds or epochs as were
    best before; when not given, it is where folds choose."""
    refit_full: bool = False
    """Whether what serves is trained once more after that, on all rows, those for tests with them. The metrics told are
    those of the one before, which test rows have judged; later candidates can't be compared with it."""

    @property
    def refits(self) -> bool:
        """Whether the chosen candidate is trained again."""
        return self.folds is not None if self.refit is None else self.refit


ClassWeight = Annotated[
    Annotated[Literal["balanced"], ONE] | Annotated[dict[str, Annotated[float, Field(gt=0)]], MAPPING],
    OR_MAPPING,
]
"""One word for all classes, or a number for each."""


class Training(Part):
    """What holds for every candidate."""

    seed: Seed = 0
    sample_rows: int = Field(default=500_000, ge=100, le=LARGEST_COUNT)
    """A candidate that can't stream trains on at most this many rows, drawn by the seed."""
    class_weight: ClassWeight | None = None
    """Of a classification: how much a row of each class counts in training, 1 where it isn't named. `balanced`: every
    class as much as any other. Probabilities are then no longer shares of rows; metrics count every row alike."""
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
    champion: Literal["not_worse", "better"] = "not_worse"
    """What it must be beside the champion and the best of the last releases, on rows that neither has seen.
    `not_worse` refuses what is worse beyond the tolerance with confidence; `better` lets through only what is better
    with confidence. With confidence means: all of the paired 95 % interval of the difference says so."""
    champion_tolerance: float = Field(default=0.0, ge=0)
    """How much worse is still let through: of r2 and the metrics of classes but log_loss, which have a scale of their
    own, a number of the metric's own; of the others a share of the release's metric."""
    baseline: bool = True
    """Whether it must beat the answer that looks at no feature: the mean, the classes' shares, or the last value."""
    approval: Literal["none", "required"] = "none"
    """`required`: what the gate lets through is registered, and comes into service once a person has approved it."""


class Intervals(Part):
    """Prediction intervals of a regression: the answer and as much above it as below."""

    level: float = Field(default=0.9, gt=0, lt=1)
    """Share of new rows whose target they are to hold."""
    calibration: float | None = Field(default=None, gt=0, le=0.5)
    """Share of the rows that is kept from training, for nothing but to tell how wide they are. When not given, 0.1 of
    them, or none where folds choose: there each row tells by how much candidates that didn't know it were off."""


class Resources(Part):
    """Kubernetes quantities of a step's pod."""

    cpu: str = Field(default="500m", pattern=CPU_PATTERN)
    memory: str = Field(default="1Gi", pattern=QUANTITY_PATTERN)
    memory_limit: str | None = Field(default=None, pattern=QUANTITY_PATTERN)


class Serving(Part):
    """How requests are checked."""

    out_of_range: Literal["accept", "refuse"] = "accept"
    """What a number outside its feature's range means in a request: counted as drift, or an error."""
    max_rows: Count = 10_000
    example: tuple[float | int | bool | str | None, ...] | None = None
    """A row in feature order that is shown as the example of a request; a typical row when not given."""


class ModelFile(Part):
    """One model: its data, candidates, gate and service."""

    name: str = Field(pattern=NAME_PATTERN)
    title: str = Field(min_length=1)
    description: str = ""
    task: Literal["regression", "classification"]
    source: Source
    target: Target
    features: tuple[AnyFeature, ...] = Field(min_length=1, max_length=2000)
    weight: Header | None = None
    """Column of the source that tells how much each row counts in training: a number of 0 or more, and no feature.
    Metrics count every row alike."""
    quality: Quality = Quality()
    split: AnySplit = Auto()
    selection: Selection = Selection()
    training: Training = Training()
    candidates: tuple[AnyCandidate, ...] = Field(min_length=1)
    metric: MetricName
    """What the best candidate is picked by, and compared with the champion and the baseline."""
    intervals: Intervals | None = None
    """Prediction intervals, which `/predict` answers where they are asked for; none where not given."""
    calibration: Calibration | None = None
    """Of a classification: how probabilities are made truer by validation rows; left as they are when not given."""
    threshold: Threshold | None = None
    """Of a classification: from which probability on a row gets a label; the most probable class when not given."""
    slices: tuple[str, ...] = ()
    """Names of categories and booleans: evaluate tells the chosen candidate's metrics of the rows of each value."""
    gate: Gate = Gate()
    schedule: str | None = None
    """Cron expression or Airflow preset of the data pipeline; none means by hand or by event."""
    resources: dict[StepName, Resources] = Field(default_factory=dict)
    serving: Serving = Serving()

    @field_validator("schedule")
    @classmethod
    def _is_a_schedule(cls, schedule: str | None) -> str | None:
        from croniter import croniter

        if schedule is None or schedule in PRESETS:
            return schedule
        if len(schedule.split()) == 5 and croniter.is_valid(schedule, strict=True):
            return schedule
        raise ValueError(f"expected a cron expression of five fields, such as '0 3 * * 1', or one of {PRESETS_LISTED}")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        found = tuple(contradictions(self))
        if found:
            message = "; ".join(f"{'.'.join(map(str, key))}: {problem}" for key, problem in found)
            raise PydanticCustomError(CONTRADICTION, "{message}", {"message": message, "found": found})
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Feature names in order, then the target."""
        return (*(feature.name for feature in self.features), self.target.name)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that are measured: the task's usual ones, and those that a key or a loss asks for."""
        asked = {self.metric, *self.gate.bounds, *(name for one in self.candidates for name in one.judged_by)}
        return tuple(name for name in metrics_of(self.task) if name in asked or name not in OF_A_LOSS)

    @property
    def headers(self) -> dict[str, str]:
        """Each column of the clean data, with its name in the source."""
        named = {feature.name: feature.header for feature in self.features}
        named[self.target.name] = self.target.header
        return named | {column: tidied(column) for column in self.columns_kept}

    @property
    def columns_kept(self) -> tuple[str, ...]:
        """Columns of the clean data that rows are split or weighted by, and that are no feature."""
        wanted = (*self.split.columns, *((self.weight,) if self.weight else ()))
        return tuple(column for column in dict.fromkeys(wanted) if column not in self.columns)

    @property
    def weighted(self) -> bool:
        """Whether rows count differently in training."""
        return self.weight is not None or self.training.class_weight is not None
