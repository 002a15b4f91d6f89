"""All that a type of feature does from the source to the graph; each type is a class of its own below `FeatureType`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from molino.contracts.features import Feature
from molino.contracts.release import Reference
from training.features.fitted import Fitted, Float32Array
from training.profiles.profile import ColumnProfile, Measure

AnyFeature = TypeVar("AnyFeature", bound=Feature)
Known = tuple[str, ...] | None
"""The values that a model knows of a feature, listed or learnt; none of a type that has no such values."""


@dataclass(frozen=True)
class Rule:
    """What can be wrong with a row."""

    column: str
    problem: str
    breach: pl.Expr
    """True where a row breaks the rule; over the columns of `FeatureType.values`."""

    @property
    def reason(self) -> str:
        """The rule as the quarantine file and the report name it."""
        return f"{self.column}: {self.problem}"


def unreadable_name(column: str) -> str:
    """Return the column that marks cells which hold something that isn't of the column's type."""
    return f"{column}\0unreadable"


class FeatureType(ABC, Generic[AnyFeature]):
    """A feature of a model file with what its type does.

    Its way: a cell of the source, a value of the clean data, a code (a 32-bit float, NaN where missing), columns that a
    candidate trains on, and the same from an input of the graph.
    """

    expected: ClassVar[str | None] = None
    """What each cell must hold, for errors; none where any text does."""
    reads_numbers: ClassVar[bool] = False
    """True where a CSV's cells may be parsed as numbers at once."""
    few_values: ClassVar[bool] = False
    """True where the same cells come again and again."""
    dtype: ClassVar[Literal["float32", "string"]] = "float32"
    """Of the graph's input."""
    in_matrix: ClassVar[bool] = True
    """False where requests give something else than the number that enters the graph."""
    remembers: ClassVar[bool] = False
    """True where a code is a position among all values of the data, of whatever part; `known` is given all of them."""

    def __init__(self, feature: AnyFeature) -> None:
        self.feature = feature
        self.name = feature.name
        self.column = pl.col(feature.name)
        self.unreadable = pl.col(unreadable_name(feature.name))

    # From the source to the clean data.

    def hint(self, cell: str) -> str:
        """Return what to change where a cell isn't of the type, as an error's last words; empty where nothing helps."""
        del cell
        return ""

    @abstractmethod
    def accepts(self, dtype: pl.DataType) -> bool:
        """Tell whether a column of a Parquet file, which isn't text, can hold such values."""

    def taken(self, dtype: pl.DataType) -> pl.Expr:
        """Return a Parquet column that is accepted as Float64, Boolean or String, and null where it is NaN."""
        return self.column.cast(pl.Float64).fill_nan(None) if dtype.is_numeric() else self.column

    def parsed(self, dtype: pl.DataType) -> pl.Expr:
        """Return a column's values, null where a cell of the given type holds something else."""
        del dtype
        return self.column

    def values(self, dtype: pl.DataType) -> Iterator[pl.Expr]:
        """Yield a column's values, and where its tidy cells hold something else."""
        parsed = self.parsed(dtype)
        wrong = pl.lit(value=False) if parsed is self.column else self.column.is_not_null() & parsed.is_null()
        yield parsed.alias(self.name)
        yield wrong.alias(unreadable_name(self.name))

    def faults(self) -> Iterator[Rule]:
        """Yield the rules whose breach quarantines a row."""
        if self.expected:
            yield Rule(self.name, f"not {self.expected}", self.unreadable)
        if self.feature.missing == "refuse":
            yield Rule(self.name, "missing", self.column.is_null() & ~self.unreadable)

    def drops(self) -> Iterator[Rule]:
        """Yield the rules whose breach leaves a row out without being a fault."""
        if self.feature.missing == "drop":
            yield Rule(self.name, "missing, left out", self.column.is_null() & ~self.unreadable)

    @abstractmethod
    def clean_type(self) -> pl.DataType:
        """Return the column's type in the clean data."""

    # What it looks like.

    @abstractmethod
    def measure(self) -> Measure:
        """Return what takes in the clean values for the report."""

    def described(self, rows: int, missing: int) -> ColumnProfile:
        """Return the profile of the column before anything is known of its values."""
        return ColumnProfile(
            name=self.name,
            type=self.feature.type,
            unit=getattr(self.feature, "unit", None),
            description=self.feature.description,
            rows=rows,
            missing=missing,
        )

    @abstractmethod
    def reference(self, present: NDArray[np.float64], rows: int, known: Known) -> Reference:
        """Return the distribution of the training rows' codes that aren't missing."""

    # Into the model.

    @property
    def learns(self) -> bool:
        """True where the values are learnt from the training rows."""
        return False

    def known(self, seen: pl.DataFrame | None) -> Known:
        """Return the values that the model knows.

        Args:
            seen: of a type that learns: columns `value` and `rows`, counted over the training rows; of one that
                remembers, over all rows.

        Raises:
            StepError: there are none, or too many.
        """
        del seen
        return None

    @abstractmethod
    def codes(self, column: pl.Series, known: Known) -> Float32Array:
        """Return clean values as codes."""

    @abstractmethod
    def fit(self, index: int, codes: Float32Array, known: Known) -> Fitted:
        """Fit the encoding to the training rows' codes; `index` is the position among the features."""
