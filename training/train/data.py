"""The versioned rows as training sees them: read in pieces, split, as arrays of 32-bit floats."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.model_file import ModelFile
from molino.contracts.splits import SplitIdentity
from training.features import type_of
from training.features.category import value_positions
from training.features.fitted import Float32Array
from training.splits import CALIBRATION, TEST, TRAIN, VALIDATION, Placement, identify, place
from training.splits.contract import Parts
from training.splits.hashing import uniforms
from training.splits.place import known

if TYPE_CHECKING:
    import polars as pl

PIECE_ROWS = 131_072
SAMPLE_STREAM = 1


@dataclass(frozen=True)
class Rows:
    """Rows of one part, in the order of the data."""

    features: Float32Array
    """[n, features]: numbers as they are (NaN where missing); a category as its position in the known values, the
    number of known values for any other, and NaN where missing; a text as its position among all of the data."""
    target: NDArray[Any]
    """[n]: float64 of a regression, the class's position as int64 of a classification."""

    weights: NDArray[np.float64] | None = None
    """[n]: how much each counts in training; none where all count alike."""

    def __len__(self) -> int:
        return len(self.target)

    def take(self, index: NDArray[np.intp]) -> "Rows":
        """Return some of the rows."""
        return Rows(self.features[index], self.target[index], None if self.weights is None else self.weights[index])


@dataclass(frozen=True)
class Overview:
    """What one pass over the data has found."""

    rows: int
    rows_by_part: Mapping[int, int]
    values: Mapping[str, tuple[str, ...]]
    """Of each category: the values that the model knows, listed or learnt from the training rows; of each text: all."""


class Dataset:
    """A Parquet file of clean rows, with its split. Holds in memory one piece of it, and of each row its part.

    Args:
        path: the clean rows.
        model: says how they are split.
        split_seed: goes before the model file's own seed where given.

    Raises:
        StepError: a part has too few rows, or a category too many values or none.
    """

    def __init__(self, path: Path, model: ModelFile, split_seed: int | None = None) -> None:
        import polars as pl

        self.path = path
        self.model = model
        self.types = [type_of(feature) for feature in model.features]
        self.rows = int(pl.scan_parquet(path).select(pl.len()).collect().item())
        self.columns = (*model.columns, *model.columns_kept)
        self.trained_on = (*model.columns, *((model.weight,) if model.weight else ()))
        identity = identify(model, split_seed)
        placement = self._place(identity)
        kind = known(identity.kind)
        found = {
            "boundaries": kind.boundaries(identity, placement),
            "form": kind.form(identity, self._read(0, list(identity.columns), 1)),
        }
        self.split = identity.model_copy(update=found)
        self.parts = kind.parts(self.split, placement)
        self._check_parts()
        self.overview = self._look_over()

    @property
    def placement(self) -> Placement:
        """Where each row lies, by another pass over the data: kept, it would take twelve times the memory of parts."""
        return self._place(self.split)

    def divided(self, parts: Parts) -> "Dataset":
        """Return the same rows in other parts, [n]; the values of categories are those of its rows to train on."""
        other = copy(self)
        other.parts = parts
        other.overview = other._look_over()
        return other

    def count(self, part: int) -> int:
        """Return how many rows a part has."""
        return self.overview.rows_by_part[part]

    def write_held_out(self, path: Path) -> int:
        """Write the test rows as they are to a Parquet file, and return how many there are."""
        import polars as pl

        with TemporaryDirectory(dir=path.parent) as folder:
            for start, piece, part in self._pieces(self.columns):
                piece.filter(pl.Series(part == TEST)).write_parquet(Path(folder) / f"{start:015}.parquet")
            pl.scan_parquet(Path(folder) / "*.parquet").sink_parquet(path)
        return self.count(TEST)

    def last_target(self) -> float | None:
        """Return the target of the last training row, or the mean of several; none where rows have no order."""
        if not known(self.split.kind).ordered:
            return None
        train, when = self.parts == TRAIN, self.placement.positions
        last = train & (when == when[train].max())
        found = [
            self._target(self._read(start, [self.model.target.name])[self.model.target.name])[chosen]
            for start in range(0, self.rows, PIECE_ROWS)
            if (chosen := last[start : start + PIECE_ROWS]).any()
        ]
        return float(np.concatenate(found).mean())

    def sample(self, part: int, most: int, seed: int) -> Rows:
        """Return all rows of a part, or, of more than `most`, about as many drawn by the seed."""
        total = self.count(part)
        found = []
        for start, piece, of_part in self._pieces(self.trained_on):
            chosen = of_part == part
            if total > most:
                chosen &= uniforms(start, len(piece), seed, SAMPLE_STREAM) < most / total
            found.append(self._rows(piece, chosen))
        rows = _joined(found)
        return rows.take(np.arange(most)) if len(rows) > most else rows

    def stream(self, part: int, seed: int, buffered: int = 4) -> Iterator[Rows]:
        """Yield all rows of a part once, shuffled: `buffered` pieces from anywhere in the file are mixed at a time."""
        rng = np.random.default_rng(seed)
        starts = rng.permutation(np.arange(0, self.rows, PIECE_ROWS))
        for first in range(0, len(starts), buffered):
            found = []
            for start in starts[first : first + buffered]:
                piece, of_part = self._piece(int(start), self.trained_on)
                found.append(self._rows(piece, of_part == part))
            rows = _joined(found)
            yield rows.take(rng.permutation(len(rows)))

    def _place(self, identity: SplitIdentity) -> Placement:
        """Take one pass over the columns that rows are split by."""
        names = self.model.target.classes or ()
        needed = [*identity.columns, *([identity.by] if identity.by else [])]
        found = [place(identity, self._read(start, needed), names) for start in range(0, self.rows, PIECE_ROWS)]
        if not found:
            raise StepError(f"{self.model.name}: the clean data has no rows")
        return Placement(
            np.concatenate([one.positions for one in found]),
            np.concatenate([one.strata for one in found]),
            found[0].names,
        )

    def _check_parts(self) -> None:
        counts = np.bincount(self.parts, minlength=3)
        for part_of, name in ((TRAIN, "training"), (VALIDATION, "validation"), (TEST, "test")):
            if counts[part_of] < 2:
                raise StepError(
                    f"{self.model.name}: {self.rows} clean rows leave {counts[part_of]} {name} rows, and at least 2 "
                    f"are needed; {self._about_split()}"
                )

    def _look_over(self) -> Overview:
        import polars as pl

        learnt = [column.name for column in self.types if column.learns]
        remembered = [column.name for column in self.types if column.remembers]
        seen: dict[str, pl.DataFrame] = {}
        if learnt or remembered:
            for _, piece, part in self._pieces([*learnt, *remembered]):
                _count_values(seen, piece.filter(pl.Series(part == TRAIN)), learnt)
                _count_values(seen, piece, remembered)
        found = {column.name: column.known(seen.get(column.name)) for column in self.types}
        values = {name: listed for name, listed in found.items() if listed is not None}
        counts = np.bincount(self.parts, minlength=CALIBRATION + 1)
        return Overview(self.rows, {part: int(rows) for part, rows in enumerate(counts)}, values)

    def _about_split(self) -> str:
        different = len(np.unique(self.placement.positions))
        together = ""
        if different < self.rows:
            unit = known(self.split.kind).unit
            count = "all rows are such" if different == 1 else f"there are {different} different ones"
            together = f"{unit} stay together, and {count}; "
        return f"{together}give more data or change split in the model file"

    def _pieces(self, columns: Sequence[str]) -> Iterator[tuple[int, "pl.DataFrame", Parts]]:
        for start in range(0, self.rows, PIECE_ROWS):
            yield start, *self._piece(start, columns)

    def _piece(self, start: int, columns: Sequence[str]) -> tuple["pl.DataFrame", Parts]:
        return self._read(start, columns), self.parts[start : start + PIECE_ROWS]

    def _read(self, start: int, columns: Sequence[str], rows: int | None = None) -> "pl.DataFrame":
        import polars as pl

        return pl.scan_parquet(self.path).select(columns).slice(start, rows or PIECE_ROWS).collect()

    def _rows(self, piece: "pl.DataFrame", chosen: NDArray[np.bool_]) -> Rows:
        import polars as pl

        piece = piece.filter(pl.Series(chosen))
        features = np.empty((len(piece), len(self.model.features)), np.float32)
        for index, column in enumerate(self.types):
            features[:, index] = column.codes(piece[column.name], self.overview.values.get(column.name))
        weight = self.model.weight
        weights = None if weight is None else piece[weight].cast(pl.Float64).to_numpy()
        return Rows(features, self._target(piece[self.model.target.name]), weights)

    def _target(self, column: "pl.Series") -> NDArray[Any]:
        import polars as pl

        if self.model.target.classes is None:
            return column.cast(pl.Float64).to_numpy()
        return value_positions(column, self.model.target.classes).astype(np.int64)


def _count_values(seen: dict[str, "pl.DataFrame"], piece: "pl.DataFrame", names: list[str]) -> None:
    import polars as pl

    for name in names:
        counted = piece[name].cast(pl.String).drop_nulls().alias("value").value_counts(name="rows")
        both = pl.concat([seen[name], counted]) if name in seen else counted
        seen[name] = both.group_by("value").agg(pl.col("rows").sum())


def _joined(found: list[Rows]) -> Rows:
    weights = [rows.weights for rows in found if rows.weights is not None]
    return Rows(
        np.concatenate([rows.features for rows in found]),
        np.concatenate([rows.target for rows in found]),
        np.concatenate(weights) if weights else None,
    )
