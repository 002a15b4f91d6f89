"""Opens a source file as what its first bytes say it is: CSV or Parquet, plain or gzip."""

import gzip
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import polars as pl

from molino.contracts.errors import SourceError
from molino.contracts.model_file import ModelFile
from molino.contracts.tidy import shortened
from training.ingest.batch import Batch
from training.ingest.csv_source import CsvSource
from training.ingest.csv_text import PIECE_BYTES, HashedFile, Readable
from training.ingest.foreign import BEGINNING_BYTES, is_parquet, refuse_foreign
from training.ingest.parquet_source import ParquetSource, column_types_of

GZIP = b"\x1f\x8b"
CHUNK_BYTES = 1 << 20
MOST_SHOWN = 50
"""Columns named in a message."""
LONGEST_SHOWN = 60
"""Signs of a column's name in a message."""


class Table(Protocol):
    """Rows that can be read in batches."""

    header: list[str]
    """Names of all columns of the source."""

    def batches(self) -> Iterator[Batch]:
        """Yield the rows in order."""


@dataclass(frozen=True)
class OpenSource:
    """A source that is being read."""

    table: Table
    file: HashedFile
    bytes: int
    """Size of the source."""

    def sha256(self) -> str:
        """Return the SHA-256 of the source's bytes, those not yet read included."""
        while self.file.read(CHUNK_BYTES):
            pass
        return self.file.digest.hexdigest()


@contextmanager
def open_source(
    path: Path, model: ModelFile, where: str, workdir: Path, largest: int, given: Collection[str] = ()
) -> Iterator[OpenSource]:
    """Open a source; `where` names it in errors, `workdir` takes an unpacked Parquet file.

    Columns that are `given` by the folders that it lies in need not be in it.

    A gzip file may have at most `largest` bytes unpacked; the one that has more is refused as it is read.

    Raises:
        SourceError: it is empty, of another format, too large, or lacks a column of the model file.
    """
    with path.open("rb", buffering=0) as raw:
        file = HashedFile(raw)
        table = _table(path, file, model, where, workdir, largest)
        _check_columns([*table.header, *given], model, where)
        yield OpenSource(table, file, path.stat().st_size)


@dataclass(frozen=True)
class Preview:
    """What can be told of a source without a model file."""

    beginning: bytes
    """The first bytes of a CSV; empty of Parquet."""
    dtypes: Mapping[str, pl.DataType] | None
    """Of Parquet: each column's type."""


def preview(path: Path, where: str, workdir: Path, largest: int) -> Preview:
    """Look at the beginning of a source.

    Raises:
        SourceError: it is empty, of no format that is read, or too large.
    """
    with path.open("rb", buffering=0) as raw:
        packed = _magic(path).startswith(GZIP)
        content: Readable = GzipText(raw, where, largest) if packed else raw
        magic = _unpacked_magic(path, where, largest) if packed else _magic(path)
        refuse_foreign(magic, where, "utf-16")
        if is_parquet(magic):
            return Preview(
                b"", column_types_of(_unpack(content, workdir / "source.parquet") if packed else path, where)
            )
        return Preview(content.read(PIECE_BYTES), None)


def _table(path: Path, file: HashedFile, model: ModelFile, where: str, workdir: Path, largest: int) -> Table:
    magic = _magic(path)
    packed = magic.startswith(GZIP)
    unpacked: Readable = GzipText(file, where, largest) if packed else file
    if packed:
        magic = _unpacked_magic(path, where, largest)
    refuse_foreign(magic, where, model.source.encoding)
    _refuse_another_format(magic, model, where)
    if not is_parquet(magic):
        return CsvSource(unpacked, model, where)
    return ParquetSource(_unpack(unpacked, workdir / "source.parquet") if packed else path, model, where)


class GzipText:
    """The unpacked bytes of a gzip file, counted as they are inflated."""

    def __init__(self, file: IO[bytes] | HashedFile, where: str, largest: int) -> None:
        self.file = gzip.GzipFile(fileobj=file)
        self.where = where
        self.largest = largest
        self.bytes = 0

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; SourceError where the file is damaged, or has more than `largest`."""
        data = self._inflated(size)
        self.bytes += len(data)
        if self.bytes > self.largest:
            raise SourceError(
                f"{self.where}: unpacked it has more than {self.largest} bytes (MOLINO_SOURCE_LARGEST_UNPACKED_BYTES)"
            )
        return data

    def _inflated(self, size: int) -> bytes:
        try:
            return self.file.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SourceError(f"{self.where}: damaged gzip file: {error}") from error


def _magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(BEGINNING_BYTES)


def _unpacked_magic(path: Path, where: str, largest: int) -> bytes:
    with path.open("rb") as file:
        return GzipText(file, where, largest).read(BEGINNING_BYTES)


def _refuse_another_format(magic: bytes, model: ModelFile, where: str) -> None:
    found = "parquet" if is_parquet(magic) else "csv"
    if magic and model.source.format not in ("auto", found):
        raise SourceError(f"{where}: expected {model.source.format}, as source.format says, but this is {found}")


def _unpack(content: Readable, path: Path) -> Path:
    with path.open("wb") as file:
        while data := content.read(CHUNK_BYTES):
            file.write(data)
    return path


def _check_columns(header: list[str], model: ModelFile, where: str) -> None:
    known = "; " + _shown(header, model)
    missing = [model.headers[name] for name in model.columns if model.headers[name] not in header]
    if missing:
        hint = "; is source.delimiter right?" if len(header) == 1 and len(model.columns) > 1 else ""
        raise SourceError(f"{where}: no column {', '.join(map(repr, missing))}{known}{hint}")
    for key, name in model.split.named:
        if model.headers[name] not in header:
            raise SourceError(f"{where}: no column {name!r}, which split.{key} names{known}")


def _shown(header: list[str], model: ModelFile) -> str:
    """Return the columns for a message, unless the file has none of the model's: it may be no table, but a secret."""
    if not set(header).intersection(model.headers.values()):
        return f"its first row, of {len(header)} cells, has none of the model's columns; is it the header of a table?"
    names = [shortened(name, LONGEST_SHOWN) for name in header[:MOST_SHOWN]]
    return "the columns are " + ", ".join(names) + (", …" if len(header) > MOST_SHOWN else "")
