"""A CSV of other rules, such as comments or cells parted by blanks, rewritten into the usual ones as it is read."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import chain

from molino.contracts.csv_options import csv_options, ends_in_returns
from molino.contracts.errors import SourceError
from molino.contracts.model_file import Source
from training.ingest.csv_text import BYTE_ORDER_MARK, PIECE_BYTES, Readable, without_lines

AFTER_ANY_END = re.compile(r"(?<=\n)|(?<=\r)(?!\n|\Z)")
"""What a text ends with may be half of an end."""
ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
KEYS = "are source.quote, source.escape and source.delimiter right?"


def usual(file: Readable, source: Source, where: str) -> Readable:
    """Return the bytes of a CSV in UTF-8 by the usual rules, from its header on: as they stand where they follow these.

    Those whose rows end in bare carriage returns, as on old Macs, are rewritten too.
    """
    beginning = file.read(PIECE_BYTES)
    if source.rewritten or ends_in_returns(beginning, source.quote):
        return Rewritten(Begun(beginning, file), source, where)
    return Begun(without_lines(beginning, source.skip_lines), file)


class Begun:
    """The bytes of a file whose beginning has been read."""

    def __init__(self, beginning: bytes, file: Readable) -> None:
        self.beginning, self.file = beginning, file

    def read(self, size: int, /) -> bytes:
        """Return the beginning at once, then at most `size` bytes; none at the end."""
        beginning, self.beginning = self.beginning, b""
        return beginning or self.file.read(size)


class Rewritten:
    """The bytes of a CSV with each cell quoted as usual, without comments and the lines before the table.

    `csv` of the standard library reads it: rows come at about a tenth of the usual speed, and never more than one of
    them is held, whose cells have at most `csv.field_size_limit()` signs.
    """

    def __init__(self, file: Readable, source: Source, where: str) -> None:
        self.source, self.where = source, where
        self.lines = _lines(file, source.quote)
        self.line = 0
        self.fresh = True
        """Whether the next line begins a row."""
        self.rows = self._named(self._rows())

    def read(self, size: int, /) -> bytes:
        """Return about `size` bytes, none at the end. SourceError where a row isn't of the rules."""
        text = io.StringIO()
        # What ends lines is quoted in cells: with "\n" alone, no carriage return would be.
        writer = csv.writer(text, delimiter=self.source.separator, lineterminator="\r\n")
        while text.tell() < size:
            row = next(self.rows, None)
            if row is None:
                break
            writer.writerow(row)
        return text.getvalue().encode(errors="surrogateescape")

    def _rows(self) -> Iterator[list[str]]:
        source = self.source
        blanks = source.delimiter == "whitespace"
        reader = csv.reader(
            self._prepared(),
            delimiter=" " if blanks else source.delimiter,
            strict=True,
            **csv_options(source.quote, source.escape, blanks or source.skip_blanks),
        )
        while True:
            self.fresh, began = True, self.line + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise SourceError(f"{self.where}: the row in line {began} can't be read: {error}; {KEYS}") from error
            if row is None:
                return
            if any(cell.strip() for cell in row):
                yield row

    def _named(self, rows: Iterator[list[str]]) -> Iterator[list[str]]:
        """Give the column of row names, which R's `write.table` leaves out of the header, an empty name."""
        if self.source.delimiter != "whitespace" or self.source.header is not None:
            return rows
        first, second = next(rows, None), next(rows, None)
        if first is None or second is None:
            return iter([row for row in (first, second) if row is not None])
        unnamed = len(second) == len(first) + 1
        return chain([["", *first] if unnamed else first, second], rows)

    def _prepared(self) -> Iterator[str]:
        """Yield the lines that hold rows."""
        source, delimiter = self.source, self.source.delimiter
        for line in self.lines:
            self.line += 1
            if self.line <= source.skip_lines:
                continue
            if self.fresh and source.comment and line.lstrip().startswith(source.comment):
                continue
            self.fresh = False
            if delimiter == "whitespace":
                line = line.replace("\t", " ").strip() + "\n"
            if source.escape == "backslash" and "\\" in line:
                line = self._escaped(line)
            yield line

    def _escaped(self, line: str) -> str:
        """Leave a backslash its meaning before a quote, a delimiter and itself; a cell of it and N has no value."""
        sign = re.escape(self.source.separator)
        line = re.sub(rf"(?:^|(?<={sign}))\\N(?={sign}|\r?\n|$)", "", line)
        meant = (self.source.quote, self.source.separator, "\\")
        return ESCAPED.sub(lambda found: found[0] if found[1] in meant else f"\\\\{found[1]}", line)


def _lines(file: Readable, quote: str) -> Iterator[str]:
    """Yield the lines of UTF-8 text with their ends; what isn't UTF-8 goes through, for the check of each row."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    rest = ""
    data = file.read(PIECE_BYTES).removeprefix(BYTE_ORDER_MARK)
    returns = ends_in_returns(data, quote)
    while data:
        text = rest + decoder.decode(data)
        *whole, rest = AFTER_ANY_END.split(text) if returns else text.split("\n")
        yield from whole if returns else (f"{line}\n" for line in whole)
        data = file.read(PIECE_BYTES)
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest
