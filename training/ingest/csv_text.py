"""The bytes of a CSV: read in pieces of whole rows, checked for their encoding and for as many cells in each row."""

import codecs
import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Protocol

from molino.contracts.errors import SourceError
from molino.contracts.tidy import tidied
from training.ingest.row_hints import QUOTES, hint_for_row

PIECE_BYTES = 8 << 20
LONGEST_ROW_BYTES = 64 << 20
QUOTED = re.compile(rb'"[^"]*"')
RECODE = "save the file as UTF-8, or set source.encoding, such as cp1252"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end."""


class HashedFile(io.RawIOBase):
    """Hashes and counts the bytes of a file as they are read."""

    def __init__(self, file: Readable) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.bytes = 0

    def readable(self) -> bool:
        """Say that it can be read, which `gzip` asks."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes."""
        data = self.file.read(size)
        self.digest.update(data)
        self.bytes += len(data)
        return data


class Recoded:
    """The bytes of a text of any encoding, in UTF-8."""

    def __init__(self, file: Readable, encoding: str, where: str) -> None:
        self.file, self.encoding, self.where = file, encoding, where
        self.decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, size: int, /) -> bytes:
        """Return the text of about `size` bytes; none at the end. SourceError where it isn't of the encoding."""
        while True:
            data = self.file.read(size)
            try:
                text = self.decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                raise SourceError(
                    f"{self.where}: it isn't {self.encoding} (byte 0x{error.object[error.start]:02x}); correct "
                    "source.encoding of the model file"
                ) from error
            if text or not data:
                return text.encode()


def without_lines(data: bytes, count: int) -> bytes:
    """Return a text without its first lines."""
    for _ in range(count):
        data = data.partition(b"\n")[2]
    return data


def pieces(file: Readable, where: str) -> Iterator[bytes]:
    """Yield the text in pieces that end where a row ends, of about `PIECE_BYTES`.

    Raises:
        SourceError: a row is longer than `LONGEST_ROW_BYTES`, or a quote isn't closed.
    """
    rest = b""
    data = file.read(PIECE_BYTES).removeprefix(BYTE_ORDER_MARK)
    while data:
        end = _end_of_rows(data, opened=bool(rest.count(b'"') % 2))
        if end:
            yield b"".join((rest, memoryview(data)[:end]))
            rest = data[end:]
        else:
            rest += data
        if len(rest) > LONGEST_ROW_BYTES:
            raise SourceError(
                f"{where}: a row is longer than {LONGEST_ROW_BYTES >> 20} MiB, or a quote isn't closed; {QUOTES}"
            )
        data = file.read(PIECE_BYTES)
    if rest.count(b'"') % 2:
        raise SourceError(f"{where}: a quote is opened and not closed; {QUOTES}")
    if rest:
        yield rest


def _end_of_rows(data: bytes, *, opened: bool) -> int:
    """Return the position after the last line end that isn't inside quotes; 0 where there is none."""
    end = data.rfind(b"\n") + 1
    if not opened and b'"' not in data:
        return end
    quotes = data.count(b'"', 0, end) + opened
    while end and quotes % 2:
        earlier = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', earlier, end)
        end = earlier
    return end


def split_header(data: bytes, delimiter: str, where: str, expected: Collection[str]) -> tuple[list[str], bytes]:
    """Return the column names of the first row, and the text after it.

    Raises:
        SourceError: it is no row of a CSV, or gives the name of an `expected` column more often than is expected.
    """
    data = data.lstrip(b"\r\n")
    end = data.find(b"\n") + 1 or len(data)
    while data.count(b'"', 0, end) % 2:
        end = data.find(b"\n", end) + 1 or len(data)
    check_text(data[:end], 0, where)
    names = [tidied(name) for name in _cells(data[:end].decode(), delimiter, where)]
    for name, times in Counter(expected).items():
        if names.count(name) > times:
            raise SourceError(
                f"{where}: the header names column {name!r} twice; give each column a name of its own there, or in "
                "source.header, with source.skip_lines: 1"
            )
    return names, data[end:]


def _cells(row: str, delimiter: str, where: str) -> list[str]:
    try:
        return next(csv.reader([row], delimiter=delimiter), [])
    except csv.Error as error:
        problem = "it has a bare carriage return; end each row by a line feed" if "\r" in row else str(error)
        raise SourceError(
            f"{where}: the first row is no header of a CSV: {problem}; source.skip_lines passes over lines before it, "
            "and source.header names the columns of a table without one"
        ) from error


def check_text(data: bytes, first_row: int, where: str) -> None:
    """Refuse what isn't UTF-8 text; `first_row` is the number of the first row of `data`, the header being 0.

    Raises:
        SourceError: names the row and the byte.
    """
    if b"\0" in data:
        row = first_row + rows_in(data[: data.index(b"\0")])
        raise SourceError(f"{where}: row {row} holds a zero byte; expected CSV text in UTF-8, or of source.encoding")
    if data.isascii():
        return
    try:
        data.decode()
    except UnicodeDecodeError as error:
        row, byte = first_row + rows_in(data[: error.start]), data[error.start]
        raise SourceError(f"{where}: row {row} isn't UTF-8 (byte 0x{byte:02x}); {RECODE}") from error


def rows_in(data: bytes) -> int:
    """Return the number of row ends."""
    return QUOTED.sub(b"", data).count(b"\n")


def without_blank_lines(data: bytes, delimiter: str) -> bytes:
    """Return the text without lines that hold nothing but blanks."""
    blanks = b" \t".replace(delimiter.encode(), b"")
    pattern = re.compile(rb'("[^"]*")|(?m:^[' + blanks + rb"]*\r?(?:\n|\Z))")
    return pattern.sub(lambda match: match.group(1) or b"", data)


def check_cells(data: bytes, delimiter: str, columns: int, first_row: int, where: str) -> None:
    """Check that each row has as many cells as the header; `data` has no blank lines.

    Raises:
        SourceError: names the first row that has more or fewer.
    """
    sign = delimiter.encode()
    bare = QUOTED.sub(b"", data)
    for row, line in enumerate(bare.removesuffix(b"\n").split(b"\n"), first_row):
        cells = line.count(sign) + 1
        if cells != columns:
            hint = hint_for_row(data, row - first_row, delimiter)
            raise SourceError(f"{where}: row {row} has {cells} cells, but the header has {columns}{hint}")
