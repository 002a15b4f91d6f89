"""Opens a source of one file or several, which are read one after the other as one table."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import polars as pl

from molino.contracts.errors import SourceError
from molino.contracts.model_file import ModelFile
from molino.contracts.record import Artifact
from molino.contracts.source_files import joined_sha256, partitions_of
from training.ingest.batch import Batch
from training.ingest.open_source import OpenSource, open_source
from training.ingest.source import LocalSource


@dataclass
class OpenFiles:
    """A source that is being read, file by file."""

    sources: Sequence[LocalSource]
    model: ModelFile
    workdir: Path
    largest: int
    header: list[str] = field(default_factory=list)
    """Names of all columns, those that folders give among them."""
    read: list[Artifact] = field(default_factory=list)
    """The files that have been read to their end."""
    open: OpenSource | None = None
    """The one that is being read."""
    stack: ExitStack = field(default_factory=ExitStack)
    """Closes it."""

    def __enter__(self) -> Self:
        """Open the first file.

        Raises:
            SourceError: it can't be read, or lacks a column.
        """
        self._begin(self.sources[0])
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        self.stack.close()

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(source.path.stat().st_size for source in self.sources)

    @property
    def bytes_read(self) -> int:
        """How far they have been read."""
        return sum(one.bytes for one in self.read) + (self.open.file.bytes if self.open else 0)

    def sha256(self) -> str:
        """Return the SHA-256 of all files, once all are read."""
        return joined_sha256([one.sha256 for one in self.read])

    def batches(self) -> Iterator[Batch]:
        """Yield the rows in order, numbered through, each batch with the file that it is of.

        Raises:
            SourceError: names the file that can't be read, lacks a column, or has another header than the first one.
        """
        rows_before = 0
        several = len(self.sources) > 1
        for source in self.sources:
            opened, rows = self.open or self._begin(source), 0
            given = partitions_of(source.named)
            for batch in opened.table.batches():
                rows += batch.frame.height
                whole = with_given(batch, self.model, given)
                if several:
                    first_row = batch.first_row + rows_before
                    whole = replace(whole, first_row=first_row, file=source.uri, rows_before=rows_before)
                yield whole
            sha256 = opened.sha256()
            self.stack.close()
            self.open = None
            rows_before += rows
            self.read.append(Artifact(key=source.key, uri=source.uri, sha256=sha256, bytes=opened.bytes, rows=rows))

    def _begin(self, source: LocalSource) -> OpenSource:
        """Open a file; what one is unpacked to is its own, since what was read before may still be looked at."""
        workdir = self.workdir
        if len(self.sources) > 1:
            workdir = self.workdir / f"file-{len(self.read)}"
            workdir.mkdir(exist_ok=True)
        given = partitions_of(source.named)
        self.open = self.stack.enter_context(
            open_source(source.path, self.model, f"source {source.uri}", workdir, self.largest, given)
        )
        self._check_header(source, [*self.open.table.header, *given])
        return self.open

    def _check_header(self, source: LocalSource, header: list[str]) -> None:
        if not self.header:
            self.header = header
        lacking = [name for name in self.header if name not in header]
        beyond = [name for name in header if name not in self.header]
        if lacking or beyond:
            words = [f"it lacks {', '.join(map(repr, lacking))}"] if lacking else []
            words += [f"it has {', '.join(map(repr, beyond))} beside them"] if beyond else []
            raise SourceError(
                f"source {source.uri}: its header has other columns than that of {self.sources[0].uri}: "
                f"{' and '.join(words)}; all files of a source have the same; "
                "source.uri may name those that do"
            )


def with_given(batch: Batch, model: ModelFile, given: Mapping[str, str | None]) -> Batch:
    """Return a batch with the columns that folders give, which the model file names."""
    called = {header: name for name, header in model.headers.items()}
    added = [
        pl.lit(value, dtype=pl.String).alias(called[header])
        for header, value in given.items()
        if header in called and called[header] not in batch.frame.columns
    ]
    if not added:
        return batch
    return replace(batch, frame=batch.frame.with_columns(added), text=lambda: batch.text().with_columns(added))
