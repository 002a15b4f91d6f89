"""Reads a CSV in batches: numbers are parsed at once where a whole piece is well-formed, else the piece stays text."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import polars as pl
from polars.exceptions import PolarsError

from molino.contracts.errors import SourceError
from molino.contracts.model_file import ModelFile
from molino.contracts.tidy import tidied
from training.ingest.batch import Batch
from training.ingest.csv_text import (
    QUOTED,
    Readable,
    Recoded,
    check_cells,
    check_text,
    pieces,
    rows_in,
    split_header,
    without_blank_lines,
)
from training.ingest.dialect import usual
from training.ingest.prefetch import prefetch
from training.ingest.row_hints import QUOTES
from training.ingest.rules import column_types

UNUSED = "\0"
"""Begins the name of a column that the model file doesn't name; no header's name does."""
Parsed = tuple[pl.DataFrame, Callable[[], pl.DataFrame]]
"""Rows, and what returns them as text."""


class CsvSource:
    """Rows of a CSV, of which only the columns of the model file are taken."""

    def __init__(self, file: Readable, model: ModelFile, where: str) -> None:
        self.where = where
        self.delimiter = model.source.separator
        listed = {value for column in column_types(model) for value in getattr(column.feature, "values", None) or ()}
        # Those that Polars would take for a number are looked for in the numbers.
        words = (word for word in model.source.missing if word and word not in listed and not _is_number(word))
        self.missing = tuple(words)
        self.met_missing = False
        """Whether a number's cell has held what means no value."""
        source = model.source
        text = file if source.encoding == "utf-8" else Recoded(file, source.encoding, where)
        self.pieces = pieces(usual(text, source, where), where)
        first = next(self.pieces, b"")
        if not first.strip():
            raise SourceError(f"{where}: the file is empty; expected a header and rows")
        if source.header is None:
            self.header, self.rest = split_header(first, self.delimiter, where, model.headers.values())
        else:
            self.header, self.rest = [tidied(name) for name in source.header], first
        self.wanted = [name for name, header in model.headers.items() if header in self.header]
        called: dict[str, list[str]] = {}
        for name in reversed(self.wanted):
            called.setdefault(model.headers[name], []).append(name)
        self.names = [
            called[header].pop() if called.get(header) else f"{UNUSED}{index}"
            for index, header in enumerate(self.header)
        ]
        """What each column is called from here on; those that the model doesn't use, by their position."""
        # The last column shows which rows are short.
        taken = {*self.wanted, self.names[-1]}
        self.positions = [index for index, name in enumerate(self.names) if name in taken]
        self.numbers = self._numbers(model)

    def _numbers(self, model: ModelFile) -> frozenset[str]:
        """Return the columns that may be parsed as numbers at once."""
        if not model.source.plain_numbers:
            return frozenset()
        return frozenset(column.name for column in column_types(model) if column.reads_numbers)

    def batches(self) -> Iterator[Batch]:
        """Yield the rows in order.

        Raises:
            SourceError: the text isn't UTF-8, or its rows aren't well-formed.
        """
        first_row = 1
        for data in prefetch(self._texts()):
            check_text(data, first_row, self.where)
            frame, text = self._parse(data, first_row)
            if frame.height:
                yield Batch(frame, first_row, text)
            first_row += frame.height

    def _texts(self) -> Iterator[bytes]:
        yield self.rest
        yield from self.pieces

    def _parse(self, data: bytes, first_row: int) -> Parsed:
        parsed = self._frame(data)
        # Polars fills up a short row and a blank line with nulls, which then show in the last column.
        if parsed is None or (parsed[0][self.names[-1]].null_count() and not self._has_cells_in_full(data)):
            data = without_blank_lines(data, self.delimiter)
            if not data:
                return pl.DataFrame(schema=dict.fromkeys(self.wanted, pl.String)), pl.DataFrame
            check_cells(data, self.delimiter, len(self.header), first_row, self.where)
            parsed = self._frame(data)
        if parsed is None:
            last = first_row + rows_in(data)
            raise SourceError(
                f"{self.where}: a quote stands inside a cell between rows {first_row} and {last}; {QUOTES}"
            )
        return parsed

    def _has_cells_in_full(self, data: bytes) -> bool:
        """Count the cells of text that Polars has read, in which thus no row is too long."""
        bare = QUOTED.sub(b"", data)
        rows = bare.count(b"\n") + (not bare.endswith(b"\n"))
        return bare.count(self.delimiter.encode()) == rows * (len(self.header) - 1)

    def _frame(self, data: bytes) -> Parsed | None:
        """Read the columns of numbers as numbers, else those that are; none where the rows aren't well-formed."""
        for missing in self._attempts(data):
            try:
                frame = self._read(data, self.numbers, missing)
            except PolarsError:
                continue
            self.met_missing |= bool(missing)
            return frame, lambda: self._read(data, frozenset(), ()).select(self.wanted)
        try:
            text = self._read(data, frozenset(), ())
        except PolarsError:
            return None
        return text.with_columns(map(self._number, text)), lambda: text.select(self.wanted)

    def _attempts(self, data: bytes) -> Iterator[tuple[str, ...]]:
        """Yield what to take for no value in columns of numbers.

        Looking for it takes a fifth of the time, so that it is done once it is needed.
        """
        if self.numbers and not self.met_missing:
            yield ()
        if self.numbers and (self.met_missing or any(token.encode() in data for token in self.missing)):
            yield self.missing

    def _number(self, column: pl.Series) -> pl.Series:
        """Return a column of text as numbers where each of its cells is one or empty."""
        if column.name in self.numbers:
            with suppress(PolarsError):
                return column.cast(pl.Float64)
        return column

    def _read(self, data: bytes, numbers: frozenset[str], missing: tuple[str, ...]) -> pl.DataFrame:
        return pl.read_csv(
            data,
            has_header=False,
            separator=self.delimiter,
            schema={name: pl.Float64 if name in numbers else pl.String for name in self.names},
            columns=self.positions,
            null_values=list(missing) or None,
        )


def _is_number(token: str) -> bool:
    """Tell whether the number parser would take a token that means no value, such as -999 or nan."""
    try:
        float(token)
    except ValueError:
        return False
    return True
