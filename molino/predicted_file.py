"""Where predictions go: a file that is written whole or not at all, or what is no file and so is never replaced."""

import gzip
import os
import shutil
import stat
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    import polars as pl

STANDARD = "-"
PARQUET_SUFFIXES = (".parquet", ".pq")


class PredictedFile(ABC):
    """A file in the making."""

    @abstractmethod
    def write(self, frame: "pl.DataFrame") -> None:
        """Add rows; the first ones may be none, and tell the columns."""

    @abstractmethod
    def close(self) -> None:
        """End the file."""


class CsvFile(PredictedFile):
    """A CSV in UTF-8, plain or gzip."""

    def __init__(self, path: Path, delimiter: str, packed: bool, repeated: Mapping[str, str]) -> None:
        self.delimiter = delimiter
        self.repeated = repeated
        self.begun = False
        self.file = cast(IO[bytes], gzip.open(path, "wb")) if packed else path.open("wb")  # noqa: SIM115

    def write(self, frame: "pl.DataFrame") -> None:
        """Add rows, below the header."""
        import polars as pl

        if not self.begun:
            header = [self.repeated.get(name, name) for name in frame.columns]
            row = pl.DataFrame([header], schema=[str(at) for at in range(len(header))], orient="row")
            row.write_csv(self.file, include_header=False, separator=self.delimiter)
        frame.write_csv(self.file, include_header=False, separator=self.delimiter)
        self.begun = True

    def close(self) -> None:
        """End the file."""
        self.file.close()


class ParquetFile(PredictedFile):
    """A Parquet file, made of parts so that it never is in memory as a whole."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.parts: list[Path] = []

    def write(self, frame: "pl.DataFrame") -> None:
        """Add rows."""
        self.parts.append(self.folder / f"{len(self.parts)}.parquet")
        frame.write_parquet(self.parts[-1])

    def close(self) -> None:
        """Join the parts."""
        import polars as pl

        pl.scan_parquet(self.parts).sink_parquet(self.path)
        shutil.rmtree(self.folder)


def new_file(path: Path, like: Path, delimiter: str, folder: Path, repeated: Mapping[str, str]) -> PredictedFile:
    """Begin a file of the format that the name of another one says: Parquet, or CSV, which may be gzip.

    Columns that are `repeated` have the names that it gives in a CSV; in Parquet, where no two share one, their own.
    """
    suffix = like.suffix.lower()
    if suffix in PARQUET_SUFFIXES:
        return ParquetFile(path, folder)
    return CsvFile(path, delimiter, packed=suffix == ".gz", repeated=repeated)


@contextmanager
def replacing(target: Path, folder: Path) -> Iterator[Path]:
    """Give a new file to write to; when that is done, it is at `target`, else what was there is as it was.

    A file is replaced in one step and keeps its mode; a link leads on where it did; a device or FIFO is written to.

    Args:
        target: a path, or `-` for standard output.
        folder: for what can't be made beside the target.

    Raises:
        OSError: it can't be written there.
    """
    mode = _mode(target)
    if mode is not None and not stat.S_ISREG(mode):
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(21, "is a folder; name a file in it", str(target))
        whole = folder / "whole"
        yield whole
        with whole.open("rb") as content, _opened(target) as out:
            shutil.copyfileobj(content, out)
        return
    place = target.resolve()
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(stat.S_IMODE(mode) if mode is not None else 0o666 & ~_umask())
        if mode is not None:
            with suppress(PermissionError):
                os.chown(part, place.stat().st_uid, place.stat().st_gid)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def _mode(target: Path) -> int | None:
    if str(target) == STANDARD:
        return stat.S_IFIFO
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


@contextmanager
def _opened(target: Path) -> Iterator[IO[bytes]]:
    if str(target) == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with target.open("wb") as out:
            yield out


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
