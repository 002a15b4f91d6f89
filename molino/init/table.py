"""Reads a table as ingest reads it, before there is a model file: every column, and what it holds."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molino.contracts.errors import SourceError
from molino.contracts.model_file import ModelFile, Source, parse_model
from molino.contracts.part import HEADER_PATTERN
from molino.contracts.source_files import partitions_of
from molino.contracts.tidy import shown, tidied
from molino.init.column import Column
from molino.init.dialect import dialect_of, looks_like_rows
from molino.init.numerals import numerals_of

if TYPE_CHECKING:
    import polars as pl

    from training.ingest.source import LocalSource

MOST_COLUMNS = 2000
POSITION = re.compile(r"(?:column_)?([1-9]\d{0,4})")
"""How a column of a table without a header is named."""
SHOWN_POSITIONS = 10
NUMBERS, MOMENTS, CLOCK = "number", "datetime", "time"


@dataclass(frozen=True)
class Table:
    """A table that has been read."""

    columns: tuple[Column, ...]
    rows: int
    form: Mapping[str, Any]
    """Keys of `source` by which it was read, beside those that have their defaults."""
    nameless: tuple[int, ...]
    """Positions, from 1, of columns whose name is empty, given twice, or no line of text."""


@dataclass(frozen=True)
class Given:
    """A table that is to be read."""

    sources: "Sequence[LocalSource]"
    """Its files: CSV or Parquet, plain or gzip."""
    where: str
    """Names it in errors."""
    workdir: Path
    """Takes unpacked Parquet files."""
    largest: int
    """Bytes that it may have unpacked."""
    target: str
    """The column to predict, by name or position."""
    headerless: bool = False
    """Whether its first row holds no names; else that is told from the row."""


def read_table(given: Given) -> Table:
    """Read a whole table.

    Raises:
        SourceError: it can't be read, or has no rows or too many columns.
    """
    from training.ingest.open_source import preview

    first, where = given.sources[0], given.where
    seen = preview(first.path, where, given.workdir, given.largest)
    form: dict[str, Any] = {}
    dtypes = None if seen.dtypes is None else {tidied(name): dtype for name, dtype in seen.dtypes.items()}
    if dtypes is not None:
        header = [tidied(name) for name in seen.dtypes or ()]
    elif not seen.beginning.strip():
        raise SourceError(f"{where}: the file is empty; expected a header and rows")
    else:
        form = dialect_of(seen.beginning)
        header = _header(seen.beginning, form, given)
    header += [name for name in partitions_of(first.named) if name not in header]
    if len(header) > MOST_COLUMNS:
        raise SourceError(f"{where}: it has {len(header)} columns, and a model takes {MOST_COLUMNS}")
    counts = Counter(header)
    nameless = tuple(
        at for at, name in enumerate(header, 1) if counts[name] > 1 or not re.fullmatch(HEADER_PATTERN[1:-1], name)
    )
    if counts[given.target] > 1:
        places = ", ".join(str(at) for at, name in enumerate(header, 1) if name == given.target)
        raise SourceError(
            f"{where}: the header names column {given.target!r} more than once, at position {places}; give each column "
            "a name of its own there, or in source.header, with source.skip_lines: 1"
        )
    columns = [Column(name) for at, name in enumerate(header, 1) if at not in nameless]
    types = {column.header: _read_as(dtypes, column.header) for column in columns}
    for column in columns:
        if types[column.header] is None:
            column.dtype = str((dtypes or {})[column.header])
    read = [column for column in columns if column.dtype is None]
    if len(read) < 2 or all(types[column.header] == MOMENTS for column in read):
        hint = "" if dtypes is not None else "; are its cells parted by one of , ; | ^ ~ : or a tab? write it so"
        found = f"found {', '.join(shown(column.header) for column in read) or 'none'}"
        if nameless:
            places = ", ".join(map(str, nameless[:SHOWN_POSITIONS])) + (
                ", …" if len(nameless) > SHOWN_POSITIONS else ""
            )
            found += (
                f", beside {len(nameless)} without a name of their own (blank, twice or too long), at position {places}"
            )
            hint = "; give each column a name there, or in source.header, with source.skip_lines: 1"
        raise SourceError(f"{where}: expected a column to predict and others to predict it from, and {found}{hint}")
    rows = _take_in(read, _probe(read, types, form), given)
    if not rows:
        raise SourceError(f"{where}: no rows below the header")
    numerals = numerals_of(read, form.get("delimiter", ","))
    if numerals.form:
        form |= numerals.form
        read = [Column(column.header) for column in read]
        columns = [next((new for new in read if new.header == column.header), column) for column in columns]
        _take_in(read, _probe(read, types, form), given)
    for column in read:
        column.doubt = numerals.doubts.get(column.header, "")
    return Table(tuple(columns), rows, form, nameless)


def _header(beginning: bytes, form: dict[str, Any], given: Given) -> list[str]:
    """Return the columns of a CSV; of one without a header they are called by their position, as `form` then says."""
    from training.ingest.csv_text import split_header
    from training.ingest.dialect import usual

    if "header" in form:
        return [*form["header"]]
    source = Source.model_validate_json(json.dumps({"uri": "-", **form}))
    text = beginning.decode(source.encoding, "ignore").removeprefix("\ufeff").encode()
    text = usual(BytesIO(text), source, given.where).read(1)
    header, _ = split_header(text, source.separator, given.where, ())
    named = POSITION.fullmatch(given.target) if given.target not in header and looks_like_rows(header) else None
    if given.headerless or (named and 1 <= int(named[1]) <= len(header)):
        form["header"] = header = [f"column_{at}" for at in range(1, len(header) + 1)]
    elif given.target not in header and looks_like_rows(header):
        raise SourceError(
            f"{given.where}: no column {given.target!r}, and its first row looks like any other; of a table without a "
            f"header name the target by its position, 1 to {len(header)}"
        )
    return header


def _read_as(dtypes: "Mapping[str, pl.DataType] | None", header: str) -> str | None:
    """Return the type of feature that a column is read as; none where it can't be read."""
    import polars as pl

    if dtypes is None:
        return "category"
    dtype = dtypes.get(header, pl.String())  # the folders of a table give columns too
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_numeric():
        return NUMBERS
    if dtype in (pl.Date, pl.Datetime):
        return MOMENTS
    if dtype == pl.Time:
        return CLOCK
    return "category" if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null) else None


def _probe(columns: Sequence[Column], types: Mapping[str, str | None], form: Mapping[str, Any]) -> ModelFile:
    """Return a model file that names every column, by which the readers of ingest take them all."""
    features: list[dict[str, Any]] = [
        {"name": f"c{index}", "column": column.header, "type": types[column.header]}
        for index, column in enumerate(columns)
    ]
    # Anything but a date or a time may be a target.
    last = features.pop(max(at for at, column in enumerate(columns) if types[column.header] not in (MOMENTS, CLOCK)))
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


def _take_in(columns: Sequence[Column], probe: ModelFile, given: Given) -> int:
    from training.ingest.open_files import OpenFiles
    from training.ingest.rules import moments_as_text as as_text
    from training.ingest.rules import plain_numbers
    from training.ingest.rules import tidied as tidied_cells

    rows = 0
    with OpenFiles(given.sources, probe, given.workdir, given.largest) as opened:
        for batch in opened.batches():
            rows += batch.frame.height
            for index, column in enumerate(columns):
                raw = as_text(batch.frame[f"c{index}"])
                cells = tidied_cells(raw, True, probe.source.missing)
                column.add(cells, plain_numbers(cells, probe.source), raw)
    return rows
