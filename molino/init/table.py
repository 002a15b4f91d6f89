"""Reads a table as ingest reads it, before there is a model file: every column, and what it holds."""

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molino.contracts.address import Address
from molino.contracts.errors import SourceError
from molino.contracts.model_file import ModelFile, parse_model
from molino.contracts.model_file.schema import Source
from molino.contracts.part import HEADER_PATTERN
from molino.contracts.tidy import tidied
from molino.init.column import Column

if TYPE_CHECKING:
    import polars as pl

DELIMITERS = ",;\t|"
MOST_COLUMNS = 2000
NUMBERS = "number"
LOOKED_AT_LINES = 20


@dataclass(frozen=True)
class Table:
    """A table that has been read."""

    columns: tuple[Column, ...]
    rows: int
    delimiter: str | None
    """What parts the cells of a CSV; none of Parquet."""
    nameless: tuple[int, ...]
    """Positions, from 1, of columns whose name is empty, given twice, or no line of text."""


def read_table(path: Path, where: str, workdir: Path, largest: int) -> Table:
    """Read a whole table.

    Args:
        path: CSV or Parquet, plain or gzip.
        where: names it in errors.
        workdir: takes an unpacked Parquet file.
        largest: bytes that it may have unpacked.

    Raises:
        SourceError: it can't be read, or has no rows or too many columns.
    """
    from training.ingest.csv_text import split_header
    from training.ingest.open_source import preview

    seen = preview(path, where, workdir, largest)
    dtypes = None if seen.dtypes is None else {tidied(name): dtype for name, dtype in seen.dtypes.items()}
    if dtypes is not None:
        delimiter, header = None, [tidied(name) for name in seen.dtypes or ()]
    elif not seen.beginning.strip():
        raise SourceError(f"{where}: the file is empty; expected a header and rows")
    else:
        delimiter = _delimiter(seen.beginning)
        header, _ = split_header(seen.beginning, delimiter, where, ())
    if len(header) > MOST_COLUMNS:
        raise SourceError(f"{where}: it has {len(header)} columns, and a model takes {MOST_COLUMNS}")
    counts = Counter(header)
    nameless = tuple(
        at for at, name in enumerate(header, 1) if counts[name] > 1 or not re.fullmatch(HEADER_PATTERN[1:-1], name)
    )
    columns = [Column(name) for at, name in enumerate(header, 1) if at not in nameless]
    types = {column.header: _read_as(dtypes, column.header) for column in columns}
    for column in columns:
        if types[column.header] is None:
            column.dtype = str((dtypes or {})[column.header])
    read = [column for column in columns if column.dtype is None]
    if len(read) < 2:
        hint = "" if delimiter is None else "; are its cells parted by one of , ; | or a tab?"
        raise SourceError(f"{where}: expected a column to predict and others to predict it from{hint}")
    probe = _probe(read, types, delimiter)
    rows = _take_in(read, probe, path, where, workdir, largest)
    if not rows:
        raise SourceError(f"{where}: no rows below the header")
    return Table(tuple(columns), rows, delimiter, nameless)


def _delimiter(beginning: bytes) -> str:
    """Return the sign that parts the first lines into the most cells, as many in each; a comma where none does."""
    lines = beginning.decode("latin-1").splitlines()[:LOOKED_AT_LINES]
    found = {}
    for sign in DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
        if widths and min(widths) > 1:
            found[sign] = (len(set(widths)) == 1, min(widths))
    return max(found, key=lambda sign: found[sign], default=",")


def _read_as(dtypes: "Mapping[str, pl.DataType] | None", header: str) -> str | None:
    """Return the type of feature that a column is read as; none where it can't be read."""
    import polars as pl

    if dtypes is None:
        return "category"
    dtype = dtypes[header]
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_numeric():
        return NUMBERS
    return "category" if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null) else None


def _probe(columns: Sequence[Column], types: Mapping[str, str | None], delimiter: str | None) -> ModelFile:
    """Return a model file that names every column, by which the readers of ingest take them all."""
    features: list[dict[str, Any]] = [
        {"name": f"c{index}", "column": column.header, "type": types[column.header]}
        for index, column in enumerate(columns)
    ]
    last = features.pop()
    kind: dict[str, Any] = {"task": "regression", "metric": "rmse"}
    target = {"name": last["name"], "column": last["column"]}
    if last["type"] != NUMBERS:
        kind = {"task": "classification", "metric": "accuracy"}
        target["classes"] = ["0", "1"]
    content = {
        "name": "table",
        "title": "table",
        "source": {"uri": "-"} | ({"delimiter": delimiter} if delimiter else {}),
        "target": target,
        "features": features,
        "candidates": [{"name": "linear", "kind": "linear"}],
    } | kind
    return parse_model(json.dumps(content).encode(), "table")


def _take_in(columns: Sequence[Column], probe: ModelFile, path: Path, where: str, workdir: Path, largest: int) -> int:
    from training.ingest.open_source import open_source
    from training.ingest.rules import tidied as tidied_cells

    missing = Source(uri=Address("-")).missing
    rows = 0
    with open_source(path, probe, where, workdir, largest) as opened:
        for batch in opened.table.batches():
            rows += batch.frame.height
            for index, column in enumerate(columns):
                column.add(tidied_cells(batch.frame[f"c{index}"], True, missing))
    return rows
