"""The rows of a table to predict, read by the rules of ingest: whatever it takes, refuses or means is the same here."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molino.contracts.columns import columns_of
from molino.contracts.errors import SourceError
from molino.contracts.features import FEATURES, Cell, Feature
from molino.contracts.model_file import ModelFile, Source
from molino.contracts.model_file.schema import Target
from molino.contracts.source_files import partitions_of
from molino.contracts.splits.auto import Auto

if TYPE_CHECKING:
    import polars as pl

    from training.ingest.batch import Batch
    from training.ingest.open_source import OpenSource

OTHER = "\1"
"""Begins the name of a column that isn't asked about; no feature's name does."""


@dataclass(frozen=True)
class AskedRows:
    """Some consecutive rows."""

    frame: "pl.DataFrame"
    """All columns of the table, as they stand there."""
    values: list[list[Cell]]
    """Rows in the model's feature order, as a request gives them; what isn't of its feature's type, as its text."""
    first_row: int
    """Number of the first row; the table's first row of data is 1."""
    bytes_read: int


class AskedTable(ModelFile):
    """What ingest needs to know of a table to predict, in place of a model file; it has no target."""

    header: tuple[str, ...]
    """All columns of the table."""
    places: dict[str, str]
    """Each feature that has a column, with its name in the header."""

    @classmethod
    def of(
        cls,
        header: Sequence[str],
        served: Sequence[Mapping[str, Any]],
        form: Source,
        where: str,
        given: Collection[str] = (),
    ) -> "AskedTable":
        """Describe a table by its header, the columns `given` by its folders, and the features that the API tells of.

        A feature's column is called as in the training rows' source, or as the feature; one that the model imputes may
        be left out.

        Raises:
            SourceError: a feature has no column, or is of a type that isn't known here.
        """
        places = columns_of(served, {*header, *given})
        needed = (one for one in served if one["name"] not in places and one.get("missing") != "impute")
        missing = [one.get("column") or one["name"] for one in needed]
        if missing:
            raise SourceError(f"{where}:1: the model's features {', '.join(missing)} are missing in the header")
        features = tuple(_feature(one, where) for one in served if one["name"] in places)
        target = "target"
        while target in places:
            target += "_"
        return cls.model_construct(
            name="asked",
            title="",
            task="regression",
            source=form.model_copy(update={"format": "auto"}),
            target=Target.model_construct(name=target),
            features=features,
            split=Auto(),
            candidates=(),
            metric="rmse",
            header=tuple(header),
            places=places,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The features that have a column."""
        return tuple(self.places)

    @cached_property
    def others(self) -> dict[str, str]:
        """The names, from here on, of the columns that aren't asked about, with those in the header."""
        taken = set(self.places.values())
        return {f"{OTHER}{index}": name for index, name in enumerate(self.header) if name not in taken}

    @cached_property
    def labels(self) -> dict[str, str]:
        """The columns in order, by names of which there are no two, with those of the header."""
        labels: dict[str, str] = {}
        for at, name in enumerate(self.header, 1):
            label, count = name, at
            while label in labels or (label != name and label in self.header):
                label, count = f"{name}_{count}", count + 1
            labels[label] = name
        return labels

    @property
    def columns_kept(self) -> tuple[str, ...]:
        """The columns that aren't asked about."""
        return tuple(self.others)

    @property
    def headers(self) -> dict[str, str]:
        """Each column's name from here on, with its name in the header."""
        return {**self.places, **self.others}


def _feature(told: Mapping[str, Any], where: str) -> Feature:
    kind = FEATURES.get(told["type"])
    if kind is None:
        raise SourceError(
            f"{where}: the model's feature {told['name']} is of type {told['type']!r}, which this version of Molino "
            "doesn't know; install the server's"
        )
    given = {**told, **(told.get("options") or {})}
    return kind.model_validate(
        {key: value for key, value in given.items() if key in kind.model_fields and value is not None}, strict=False
    )


@dataclass(frozen=True)
class AskedSource:
    """A table to predict that is being read."""

    opened: "OpenSource"
    table: AskedTable
    served: Sequence[Mapping[str, Any]]
    parquet: Path | None
    """Its file, of a Parquet table."""
    given: Mapping[str, str | None]
    """Columns that the folders of its file give."""

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.opened.bytes

    @cached_property
    def empty(self) -> "pl.DataFrame":
        """The table without rows."""
        import polars as pl

        if self.parquet is not None:
            return pl.scan_parquet(self.parquet).head(0).collect()
        return pl.DataFrame(schema=dict.fromkeys(self.table.labels, pl.String))

    @property
    def repeated(self) -> dict[str, str]:
        """Columns of a CSV that are called otherwise here than in its header, where they share a name."""
        labels = {} if self.parquet is not None else self.table.labels
        return {label: name for label, name in labels.items() if label != name}

    def rows(self, size: int) -> Iterator[AskedRows]:
        """Yield the rows in order, at most `size` at once.

        Raises:
            SourceError: the file is damaged, or a row isn't well-formed.
        """
        from training.ingest.open_files import with_given

        for batch in self.opened.table.batches():
            batch = with_given(batch, self.table, self.given)
            whole, values = self._whole(batch), self._values(batch)
            for start in range(0, batch.frame.height, size):
                asked = values[start : start + size]
                read = self.opened.file.bytes
                yield AskedRows(whole.slice(start, size), asked, batch.first_row + start, read)

    def _whole(self, batch: "Batch") -> "pl.DataFrame":
        import polars as pl

        if self.parquet is not None:
            return pl.scan_parquet(self.parquet).slice(batch.first_row - 1, batch.frame.height).collect()
        called = {header: name for name, header in self.table.places.items()}
        return batch.text().select(
            pl.col(called.get(header, f"{OTHER}{index}")).alias(label)
            for index, (label, header) in enumerate(self.table.labels.items())
        )

    def _values(self, batch: "Batch") -> list[list[Cell]]:
        from training.features import type_of
        from training.features.base import unreadable_name
        from training.ingest.rules import typed

        features = {feature.name: feature for feature in self.table.features}
        found = typed(batch.frame, [type_of(feature) for feature in features.values()], self.table.source)
        columns: list[list[Cell]] = []
        text: pl.DataFrame | None = None
        for one in self.served:
            feature = features.get(one["name"])
            if feature is None:
                columns.append([None] * batch.frame.height)
                continue
            column = [None if value is None else feature.as_json(value) for value in found[feature.name].to_list()]
            wrong = found[unreadable_name(feature.name)].to_list()
            odd = [index for index, value in enumerate(column) if wrong[index] or not _is_json(value)]
            if odd:
                text = batch.text() if text is None else text
                for index in odd:
                    column[index] = str(text[feature.name][index])
            columns.append(column)
        return [list(row) for row in zip(*columns, strict=True)]


def _is_json(value: Cell) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


@contextmanager
def open_asked(
    path: Path, served: Sequence[Mapping[str, Any]], form: Source, where: str, workdir: Path, largest: int
) -> Iterator[AskedSource]:
    """Open a table to predict: CSV or Parquet, plain or gzip, as its first bytes say.

    Args:
        path: a file.
        served: the model's features as the API tells of them.
        form: how a CSV is written, and what means no value.
        where: names the table in errors.
        workdir: takes an unpacked Parquet file.
        largest: bytes that it may have unpacked.

    Raises:
        SourceError: it isn't such a table, names a column twice, or lacks a feature.
    """
    try:
        from training.ingest.open_source import open_source
        from training.ingest.parquet_source import ParquetSource
    except ModuleNotFoundError as error:
        raise SourceError(f"tables are read by {error.name}, which isn't here: pip install 'molino[ingest]'") from error
    with open_source(path, AskedTable.of((), (), form, where), where, workdir, largest) as opened:
        header, is_parquet = opened.table.header, isinstance(opened.table, ParquetSource)
    given = partitions_of(path.absolute().as_posix())
    table = AskedTable.of(header, served, form, where, given)
    if is_parquet:
        unpacked = workdir / "source.parquet"
        path = unpacked if unpacked.exists() else path
        # What isn't asked about is taken from the file as it is, of whatever type.
        table = table.model_copy(update={"header": tuple(table.places.values())})
    with open_source(path, table, where, workdir, largest, given) as opened:
        yield AskedSource(opened, table, served, path if is_parquet else None, given)
