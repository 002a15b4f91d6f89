"""What a model file demands of each row, as Polars expressions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from molino.contracts.model_file import Boolean, Category, Feature, Integer, ModelFile, Number
from training.splits.place import known

FLOAT32_MAXIMUM = 3.4028234663852886e38
INTEGER_MAXIMUM = 2**24
"""Whole numbers up to here are exact in the 32-bit floats of the graph."""
TRUTH = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
EXPECTED = {"number": "a number", "integer": "a whole number", "boolean": "true or false"}


@dataclass(frozen=True)
class Rule:
    """What can be wrong with a row."""

    column: str
    problem: str
    breach: pl.Expr
    """True where a row breaks the rule; over the columns of `Column.value` and `Column.unreadable`."""

    @property
    def reason(self) -> str:
        """The rule as the quarantine file and the report name it."""
        return f"{self.column}: {self.problem}"


class RuleSet:
    """Rules that are looked at together."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = list(rules)
        self.checks = [rule.breach.any().alias(str(i)) for i, rule in enumerate(self.rules)]

    def broken(self, typed: pl.DataFrame) -> Iterator[tuple[str, pl.Series]]:
        """Yield the reason of each rule that a row breaks, and which rows do."""
        found = typed.select(self.checks)
        broken = [rule for rule, column in zip(self.rules, found, strict=True) if column[0]]
        masks = typed.select(rule.breach.fill_null(value=False).alias(str(i)) for i, rule in enumerate(broken))
        yield from zip((rule.reason for rule in broken), masks, strict=True)


def unreadable_name(column: str) -> str:
    """Return the column that marks cells which hold something that isn't of the column's type."""
    return f"{column}\0unreadable"


def target_feature(model: ModelFile) -> Feature:
    """Return the target as a feature which every row must have."""
    target = model.target
    if model.task == "classification":
        return Category(name=target.name, type="category", values=target.classes)
    return Number(name=target.name, type="number", minimum=target.minimum, maximum=target.maximum)


def tidied(cells: pl.Series, kind: str, missing: tuple[str, ...]) -> pl.Series:
    """Return a column's cells, of which text is freed of the blanks around it, and null where it means no value."""
    if cells.dtype != pl.String:
        return cells
    if kind in ("category", "boolean"):
        # Few values come again and again, and are most often tidy.
        different = cells.unique()
        if _tidied(different, missing).equals(different):
            return cells
    return _tidied(cells, missing)


def _tidied(text: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    bare = text.str.strip_chars()
    return bare.set(bare.is_in(["", *missing]), None)


def values(feature: Feature, dtype: pl.DataType) -> Iterator[pl.Expr]:
    """Yield a column's values, and where its tidy cells hold something else.

    Numbers and integers come as Float64, categories as String, booleans as Boolean; no value is null.
    """
    name, column = feature.name, pl.col(feature.name)
    unreadable = pl.lit(value=False)
    if dtype == pl.String and feature.type != "category":
        column = _parsed(column, feature.type)
        unreadable = pl.col(name).is_not_null() & column.is_null()
    elif feature.type == "boolean" and dtype.is_float():
        column = pl.when(column.is_in([0.0, 1.0])).then(column == 1)
        unreadable = pl.col(name).is_not_null() & column.is_null()
    yield column.alias(name)
    yield unreadable.alias(unreadable_name(name))


def _parsed(text: pl.Expr, kind: str) -> pl.Expr:
    if kind == "boolean":
        return text.str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Boolean)
    return text.cast(pl.Float64, strict=False)


def faults(feature: Feature) -> Iterator[Rule]:
    """Yield the rules whose breach quarantines a row."""
    name, column = feature.name, pl.col(feature.name)
    unreadable = pl.col(unreadable_name(name))
    if feature.type != "category":
        yield Rule(name, f"not {EXPECTED[feature.type]}", unreadable)
    if feature.missing == "refuse":
        yield Rule(name, "missing", column.is_null() & ~unreadable)
    if isinstance(feature, Number | Integer):
        yield from _number_faults(feature, column)
    elif isinstance(feature, Category) and feature.values and feature.unseen == "refuse":
        yield Rule(name, "not one of the listed values", ~column.is_in(feature.values))


def _number_faults(feature: Number | Integer, column: pl.Expr) -> Iterator[Rule]:
    name, low, high = feature.name, feature.minimum, feature.maximum
    yield Rule(name, "not finite in 32 bits", ~column.is_between(-FLOAT32_MAXIMUM, FLOAT32_MAXIMUM))
    if isinstance(feature, Integer):
        yield Rule(name, "not a whole number", column.is_finite() & (column != column.round()))
        low = -INTEGER_MAXIMUM if low is None else low
        high = INTEGER_MAXIMUM if high is None else high
    if low is not None:
        yield Rule(name, f"below {low:.12g}", column < low)
    if high is not None:
        yield Rule(name, f"above {high:.12g}", column > high)


def split_faults(model: ModelFile) -> Iterator[Rule]:
    """Yield the rules of the columns that rows are split by and that are no feature."""
    kind = known(model.split.kind)
    for name in model.columns_kept:
        for problem, breach in kind.faults(pl.col(name)):
            yield Rule(name, problem, breach)


def drops(feature: Feature) -> Iterator[Rule]:
    """Yield the rules whose breach leaves a row out without being a fault."""
    if feature.missing == "drop":
        unreadable = pl.col(unreadable_name(feature.name))
        yield Rule(feature.name, "missing, left out", pl.col(feature.name).is_null() & ~unreadable)


def clean_type(feature: Feature) -> pl.DataType:
    """Return a column's type in the clean data."""
    match feature:
        case Integer():
            return pl.Int64()
        case Boolean():
            return pl.Boolean()
        case Category():
            return pl.String()
        case _:
            return pl.Float64()
