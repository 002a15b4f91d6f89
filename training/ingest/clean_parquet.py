"""Writes batches of clean rows to one Parquet file while later batches are still being read."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal, cast

import polars as pl
from polars.exceptions import PolarsError
from polars.io.plugins import register_io_source

from molino.contracts.errors import StepError
from training.ingest.prefetch import prefetch

ROW_GROUP_ROWS = 1 << 17
COMPRESSION: Literal["lz4"] = "lz4"
"""Zstandard saves a twentieth of the bytes, and takes a third more time to write numbers."""


def write_clean(frames: Iterator[pl.DataFrame], schema: dict[str, pl.DataType], path: Path) -> str:
    """Write the rows in order, and return the file's SHA-256.

    The same rows give the same bytes, however they are cut into batches.

    Raises:
        StepError: the file can't be written. An error of the batches comes out as it is.
    """
    failure: list[BaseException] = []

    def source(*_: object) -> Iterator[pl.DataFrame]:
        try:
            yield from prefetch(frames)
        except BaseException as error:
            # Polars would wrap it; it is raised below as it is.
            failure.append(error)

    table = register_io_source(source, schema=schema)
    try:
        with path.open("wb", buffering=0) as raw:
            file = _HashedFile(raw)
            target = cast(IO[bytes], file)
            table.sink_parquet(target, compression=COMPRESSION, row_group_size=ROW_GROUP_ROWS, maintain_order=True)
    except (PolarsError, OSError) as error:
        failure.append(StepError(f"can't write {path}: {str(error).partition(chr(10))[0]}"))
    if failure:
        raise failure[0]
    return file.digest.hexdigest()


class _HashedFile:
    """Hashes the bytes of a file as they are written."""

    def __init__(self, file: io.FileIO) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write the beginning of the data, and return how long that is."""
        written = self.file.write(data)
        self.digest.update(memoryview(data)[:written])
        return written
