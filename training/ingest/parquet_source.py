"""Reads a Parquet file in batches; values keep their types where these fit the model file."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from molino.contracts.errors import SourceError
from molino.contracts.model_file import ModelFile
from molino.contracts.tidy import tidied
from training.features import FeatureType
from training.features.category import float_as_text
from training.ingest.batch import Batch
from training.ingest.rules import column_types

BATCH_ROWS = 1 << 16


class ParquetSource:
    """Rows of a Parquet file, of which only the columns of the model file are taken."""

    def __init__(self, path: Path, model: ModelFile, where: str) -> None:
        self.where = where
        columns = column_types_of(path, where)
        self.header = [tidied(name) for name in columns]
        places = {name: self.header.index(header) for name, header in model.headers.items() if header in self.header}
        self.table = pl.scan_parquet(path).select(pl.nth(place).alias(name) for name, place in places.items())
        dtypes = list(columns.values())
        self.schema = {name: dtypes[place] for name, place in places.items()}
        wanted = [column for column in column_types(model) if column.name in self.schema]
        self.values = [_value(column, self.schema[column.name], where) for column in wanted]
        kept = [name for name in model.columns_kept if name in self.schema]
        self.values += [_kept(name, self.schema[name], where) for name in kept]

    def batches(self) -> Iterator[Batch]:
        """Yield the rows in order.

        Raises:
            SourceError: the file is damaged.
        """
        first_row = 1
        try:
            for frame in self.table.collect_batches(chunk_size=BATCH_ROWS):
                yield Batch(frame.select(self.values), first_row, partial(_text, frame))
                first_row += frame.height
        except (PolarsError, OSError) as error:
            raise SourceError(f"{self.where}: damaged after row {first_row - 1}: {_first_line(error)}") from error


def column_types_of(path: Path, where: str) -> Mapping[str, pl.DataType]:
    """Return name to type of a Parquet file's columns, in order.

    Raises:
        SourceError: it is no whole Parquet file.
    """
    try:
        return pl.scan_parquet(path).collect_schema()
    except (PolarsError, OSError) as error:
        raise SourceError(f"{where}: not a whole Parquet file: {_first_line(error)}") from error


def _value(column: FeatureType[Any], dtype: pl.DataType, where: str) -> pl.Expr:
    """Return a column as the cleaner takes it: Float64, Boolean or String; NaN means no value.

    Raises:
        SourceError: no value of its type can be what the model file says.
    """
    if dtype in (pl.String, pl.Categorical, pl.Enum) or dtype == pl.Null:
        return pl.col(column.name).cast(pl.String)
    if column.accepts(dtype):
        return column.taken(dtype)
    kind = column.feature.type
    raise SourceError(
        f"{where}: column {column.name!r}: expected {kind} values, but its type is {dtype}; give it another type"
    )


def _kept(name: str, dtype: pl.DataType, where: str) -> pl.Expr:
    """Return a column that isn't predicted from, but that rows are split by, as text, of whatever type it was."""
    if dtype in (pl.String, pl.Categorical, pl.Enum) or dtype == pl.Null:
        return pl.col(name).cast(pl.String)
    if not dtype.is_nested():
        return _as_text(pl.col(name), dtype)
    raise SourceError(
        f"{where}: column {name!r}: expected split values, but its type is {dtype}; name another in split"
    )


def _as_text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a key, a group or a time as a CSV would have it: whole numbers without a point, dates as ISO has them."""
    if dtype.is_float():
        return float_as_text(column)
    if dtype == pl.Datetime:
        zoned = getattr(dtype, "time_zone", None) is not None
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else column
        return column.dt.to_string("%Y-%m-%d %H:%M:%S%.6f")
    return column.cast(pl.String)


def _text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.all().cast(pl.String))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
