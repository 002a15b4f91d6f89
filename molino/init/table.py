"""Reads a table as ingest reads it, before there is a model file: every column, and what it holds."""

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molino.contracts.errors import SourceError
from molino.contracts.features.base import number_in
from molino.contracts.model_file import ModelFile, parse_model
from molino.contracts.numerals import DECIMAL_COMMA, SYMBOL, THOUSANDS, plain_number
from molino.contracts.part import HEADER_PATTERN
from molino.contracts.tidy import tidied
from molino.init.column import Column

if TYPE_CHECKING:
    import polars as pl

DELIMITERS = ",;\t|"
MOST_COLUMNS = 2000
NUMBERS, MOMENTS = "number", "datetime"
LOOKED_AT_LINES = 20


@dataclass(frozen=True)
class Table:
    """A table that has been read."""

    columns: tuple[Column, ...]
    rows: int
    form: Mapping[str, Any]
    """Keys of `source` by which it was read, beside those that have their defaults."""
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
    form: dict[str, Any] = {}
    dtypes = None if seen.dtypes is None else {tidied(name): dtype for name, dtype in seen.dtypes.items()}
    if dtypes is not None:
        header = [tidied(name) for name in seen.dtypes or ()]
    elif not seen.beginning.strip():
        raise SourceError(f"{where}: the file is empty; expected a header and rows")
    else:
        form = _form(seen.beginning)
        text = seen.beginning.decode(form.get("encoding", "utf-8"), "ignore").encode()
        header, _ = split_header(text, form.get("delimiter", ","), where, ())
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
    if len(read) < 2 or all(types[column.header] == MOMENTS for column in read):
        hint = "" if dtypes is not None else "; are its cells parted by one of , ; | or a tab?"
        raise SourceError(f"{where}: expected a column to predict and others to predict it from{hint}")
    rows = _take_in(read, _probe(read, types, form), path, where, workdir, largest)
    if not rows:
        raise SourceError(f"{where}: no rows below the header")
    if numerals := _numerals(read):
        form |= numerals
        read = [Column(column.header) for column in read]
        columns = [next((new for new in read if new.header == column.header), column) for column in columns]
        _take_in(read, _probe(read, types, form), path, where, workdir, largest)
    return Table(tuple(columns), rows, form, nameless)


def _form(beginning: bytes) -> dict[str, Any]:
    """Return encoding and delimiter of a CSV where they aren't the usual ones."""
    form: dict[str, Any] = {}
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        form["encoding"] = "utf-16"
    elif not _is(beginning, "utf-8"):
        form["encoding"] = "cp1252" if _is(beginning, "cp1252") else "latin-1"
    text = beginning.decode(form.get("encoding", "utf-8"), "ignore")
    delimiter = _delimiter(text)
    return form | ({} if delimiter == "," else {"delimiter": delimiter})


def _is(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _numerals(columns: Sequence[Column]) -> dict[str, Any]:
    """Return how numbers are written where columns hold nothing but such numbers, and more than programs would read."""
    form: dict[str, Any] = {}
    symbols: dict[str, None] = {}
    for column in columns:
        if column.numeric or column.dated or not column.counted:
            continue
        cells = list(column.counted)
        for cell in cells:
            if signed := SYMBOL.fullmatch(cell):
                symbols[signed["before"] or signed["after"]] = None
        bare = [plain_number(cell, ".", None, symbols) for cell in cells]
        odd = [cell for cell in bare if number_in(cell) is None]
        commas = [match for cell in odd if not THOUSANDS.fullmatch(cell) and (match := DECIMAL_COMMA.fullmatch(cell))]
        parted = [match for cell in odd if (match := (DECIMAL_COMMA if commas else THOUSANDS).fullmatch(cell))]
        decimal = "," if commas else "."
        thousands = min((match["sign"] for match in parted if match["sign"]), default=None)
        read = [plain_number(cell, decimal, thousands, symbols) for cell in cells]
        if all(number_in(cell) is not None for cell in read) and not (thousands and _stands(thousands, columns)):
            form |= {"decimal": decimal} if commas else {}
            form |= {"thousands": thousands} if thousands else {}
            form |= {"symbols": [*symbols]} if symbols else {}
    return form


def _stands(sign: str, columns: Sequence[Column]) -> bool:
    """Tell whether a sign stands in the numbers of columns that programs read as they are."""
    return any(sign in cell for column in columns if column.numeric for cell in column.counted)


def _delimiter(beginning: str) -> str:
    """Return the sign that parts the first lines into the most cells, as many in each; a comma where none does."""
    lines = beginning.splitlines()[:LOOKED_AT_LINES]
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
    if dtype in (pl.Date, pl.Datetime):
        return MOMENTS
    return "category" if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null) else None


def _probe(columns: Sequence[Column], types: Mapping[str, str | None], form: Mapping[str, Any]) -> ModelFile:
    """Return a model file that names every column, by which the readers of ingest take them all."""
    features: list[dict[str, Any]] = [
        {"name": f"c{index}", "column": column.header, "type": types[column.header]}
        for index, column in enumerate(columns)
    ]
    # Anything but a date may be a target.
    last = features.pop(max(at for at, column in enumerate(columns) if types[column.header] != MOMENTS))
    kind: dict[str, Any] = {"task": "regression", "metric": "rmse"}
    target = {"name": last["name"], "column": last["column"]}
    if last["type"] != NUMBERS:
        kind = {"task": "classification", "metric": "accuracy"}
        target["classes"] = ["0", "1"]
    content = {
        "name": "table",
        "title": "table",
        "source": {"uri": "-", **form},
        "target": target,
        "features": features,
        "candidates": [{"name": "linear", "kind": "linear"}],
    } | kind
    return parse_model(json.dumps(content).encode(), "table")


def _take_in(columns: Sequence[Column], probe: ModelFile, path: Path, where: str, workdir: Path, largest: int) -> int:
    from training.ingest.open_source import open_source
    from training.ingest.rules import moments_as_text as as_text
    from training.ingest.rules import plain_numbers
    from training.ingest.rules import tidied as tidied_cells

    rows = 0
    with open_source(path, probe, where, workdir, largest) as opened:
        for batch in opened.table.batches():
            rows += batch.frame.height
            for index, column in enumerate(columns):
                cells = tidied_cells(as_text(batch.frame[f"c{index}"]), True, probe.source.missing)
                column.add(cells, plain_numbers(cells, probe.source))
    return rows
