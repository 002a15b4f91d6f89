"""What a model file demands of each row, as Polars expressions."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import polars as pl

from molino.contracts.features.category import Category
from molino.contracts.features.number import Number
from molino.contracts.model_file import Feature, ModelFile, Source
from molino.contracts.numerals import MINUS, PARENTHESES, parted_by
from molino.contracts.tidy import BLANKS, FORM
from training.features import FeatureType, type_of
from training.features.base import Rule
from training.splits.place import known


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


def target_feature(model: ModelFile) -> Feature:
    """Return the target as a feature, which every clean row has."""
    target = model.target
    if model.task == "classification":
        return Category(
            name=target.name, column=target.column, missing=target.missing, type="category", values=target.classes
        )
    return Number(
        name=target.name,
        column=target.column,
        missing=target.missing,
        type="number",
        minimum=target.minimum,
        maximum=target.maximum,
    )


def column_types(model: ModelFile) -> list[FeatureType[Any]]:
    """Return all columns of a model file with what their types do: features, then the target."""
    return [type_of(feature) for feature in (*model.features, target_feature(model))]


def plain_numbers(cells: pl.Series, source: Source) -> pl.Series:
    """Return the tidy cells of a column of numbers as programs write them: what `Source.plain_number` makes of each."""
    if cells.dtype != pl.String:
        return cells
    cells = cells.str.replace_all(f"[{MINUS}]", "-")
    if source.plain_numbers:
        return cells
    cells = _without_symbols(cells, source)
    if PARENTHESES in source.symbols:
        cells = _without_symbols(cells.str.replace(r"^\((.*)\)$", "-${1}"), source)
    if source.thousands:
        bare = cells.str.replace_all(source.thousands, "", literal=True)
        cells = pl.select(
            pl.when(cells.str.contains(parted_by(source.thousands))).then(bare).otherwise(cells)
        ).to_series()
    if source.decimal == ".":
        return cells
    turned = pl.when(cells.str.contains(".", literal=True)).then(cells)
    return pl.select(turned.otherwise(cells.str.replace_all(source.decimal, ".", literal=True))).to_series()


def _without_symbols(cells: pl.Series, source: Source) -> pl.Series:
    for symbol in source.symbols:
        cells = cells.str.replace(rf"^([-+]){re.escape(symbol)}\s*", "${1}").str.strip_prefix(symbol)
        cells = cells.str.strip_suffix(symbol).str.strip_chars(BLANKS)
    return cells


def typed(frame: pl.DataFrame, columns: Sequence[FeatureType[Any]], source: Source) -> pl.DataFrame:
    """Return the values of columns as they were read, and which cells hold something else.

    Args:
        frame: the columns by the names of their features, as numbers, booleans or text.
        columns: what is done of each.
        source: what means no value.

    Returns:
        Of each column what `FeatureType.values` yields.
    """
    tidy = pl.DataFrame([_tidied(frame[column.name], column, source) for column in columns])
    return tidy.select(value for column in columns for value in column.values(tidy.schema[column.name]))


def _tidied(cells: pl.Series, column: FeatureType[Any], source: Source) -> pl.Series:
    missing = source.missing_beside(getattr(column.feature, "values", None))
    tidy = tidied(cells, column.few_values, missing)
    # A Parquet column of truth values may be numbers, of which one means no value.
    return numbers_of(tidy, source) if column.reads_numbers or tidy.dtype.is_float() else tidy


def moments_as_text(cells: pl.Series) -> pl.Series:
    """Return a column's cells, dates and times of which as ISO 8601 has them."""
    if not cells.dtype.is_temporal():
        return cells
    return cells.dt.to_string("%H:%M:%S" if cells.dtype == pl.Time else "%Y-%m-%dT%H:%M:%S")


def without_missing_numbers(cells: pl.Series, source: Source) -> pl.Series:
    """Return the cells of a column of numbers, null where a number means no value: -999.0 as well as -999."""
    numbers = cells.cast(pl.Float64, strict=False) if cells.dtype == pl.String else cells
    if not numbers.dtype.is_float():
        return cells
    wanted = source.missing_numbers
    if wanted:
        cells = pl.select(pl.when(~numbers.is_in(list(wanted)).fill_null(value=False)).then(cells)).to_series()
    if cells.dtype.is_float() and cells.is_nan().any() and any(word.lower() == "nan" for word in source.missing):
        cells = cells.fill_nan(None)
    return cells


def numbers_of(cells: pl.Series, source: Source) -> pl.Series:
    """Return the tidy cells of a column of numbers, plain, and null where one means no value."""
    return without_missing_numbers(plain_numbers(cells, source), source)


def tidied(cells: pl.Series, few_values: bool, missing: tuple[str, ...]) -> pl.Series:
    """Return a column's cells, of which text is freed of the blanks around it, and null where it means no value.

    Of a column of few values, each is made what `molino.contracts.tidy.tidied` makes of it.
    """
    if cells.dtype != pl.String:
        return cells
    if not few_values:
        return _bare(cells, missing)
    # They come again and again, and are most often tidy.
    different = cells.unique()
    tidy = _bare(different.str.normalize(FORM), missing)
    return cells if tidy.equals(different) else cells.replace(different, tidy)


def _bare(text: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    bare = text.str.strip_chars(BLANKS)
    return bare.set(bare.is_in(["", *missing]), None)


def weight_faults(model: ModelFile) -> Iterator[Rule]:
    """Yield the rules of the column that rows are weighted by."""
    if model.weight is not None:
        number = pl.col(model.weight).cast(pl.Float64, strict=False)
        usable = number.is_finite() & (number >= 0)
        yield Rule(model.weight, "no weight, which is a number of 0 or more", ~usable.fill_null(value=False))


def split_forms(model: ModelFile) -> Iterator[tuple[str, str, pl.Expr]]:
    """Yield column, form and where it is, of forms of which a whole source may have one alone."""
    kind = known(model.split.kind)
    for name in _split_columns(model):
        for form, present in kind.forms(pl.col(name)):
            yield name, form, present


def kept_cells(cells: pl.Series, model: ModelFile) -> pl.Series:
    """Return the cells of a column that is kept beside features and target: tidy, and numbers of it as numbers are."""
    tidy = tidied(cells, True, model.source.missing)
    ordered = known(model.split.kind).ordered
    return numbers_of(tidy, model.source) if ordered or cells.name == model.weight else tidy


def split_faults(model: ModelFile) -> Iterator[Rule]:
    """Yield the rules of the columns that rows are split by and that are no feature."""
    kind = known(model.split.kind)
    for name in _split_columns(model):
        for problem, breach in kind.faults(pl.col(name)):
            yield Rule(name, problem, breach)


def _split_columns(model: ModelFile) -> list[str]:
    """Return the columns that rows are split by and that are neither a feature nor the target."""
    return [name for name in model.split.columns if name in model.columns_kept]
