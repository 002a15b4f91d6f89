"""How rows enter a candidate: the same arithmetic in numpy, for training, and in ONNX (`training.train.export`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from molino.contracts.model_file import ModelFile
from training.features import type_of
from training.features.fitted import Derived, Fitted, Float32Array, OneHot, Sparse
from training.features.scaled import Scaled


@dataclass(frozen=True)
class Encoding:
    """The features of a model, fitted to training rows."""

    columns: tuple[Fitted, ...]
    """In feature order."""

    @property
    def numeric(self) -> tuple[Scaled, ...]:
        """The features that are scaled."""
        return tuple(column for column in self.columns if isinstance(column, Scaled))

    @property
    def categorical(self) -> tuple[OneHot, ...]:
        """The features that are one-hot."""
        return tuple(column for column in self.columns if isinstance(column, OneHot))

    @property
    def derived(self) -> tuple[Derived, ...]:
        """The features of which columns are worked out: dates and texts."""
        return tuple(column for column in self.columns if isinstance(column, Derived))

    @property
    def width(self) -> int:
        """Columns of the dense form."""
        return sum(column.width for column in self.columns)

    def dense(self, features: Float32Array) -> Float32Array:
        """Return rows [n, features] as [n, width]: numbers bounded and normalised, one-hots, derived columns."""
        scaled = self._scaled(features)
        found = np.empty((len(features), self.width), np.float32)
        start = scaled.shape[1]
        found[:, :start] = scaled
        for column in self.categorical:
            found[:, start : start + column.width] = column.table[column.positions(features[:, column.index])]
            start += column.width
        for derived in self.derived:
            found[:, start : start + derived.width] = derived.dense(features[:, derived.index])
            start += derived.width
        return found

    def rows_within(self, size: int) -> int:
        """Return how many rows in their dense form take no more than a number of bytes; one at least."""
        return max(1, size // (np.float32().itemsize * self.width))

    def sparse(self, features: Float32Array) -> Any:
        """Return what `dense` does as a SciPy CSR array of float64; of a category it holds one cell a row at most."""
        from scipy.sparse import csr_array, hstack  # type: ignore[import-untyped]

        start = len(self.numeric)
        rows, width = len(features), start + len(self.categorical)
        places = np.empty((rows, width), np.int32)
        cells = np.empty((rows, width), np.float64)
        cells[:, :start] = self._scaled(features)
        places[:, :start] = np.arange(start)
        offset = start
        for position, column in enumerate(self.categorical, start):
            found = column.positions(features[:, column.index])
            places[:, position] = offset + column.table.argmax(axis=1)[found]
            cells[:, position] = column.table.max(axis=1)[found]
            offset += column.width
        pointers = np.arange(0, rows * width + 1, width) if width else np.zeros(rows + 1, np.intp)
        plain = csr_array((cells.ravel(), places.ravel(), pointers), shape=(rows, offset))
        derived = [_csr(column.sparse(features[:, column.index]), column.width) for column in self.derived]
        return hstack([plain, *derived], format="csr") if derived else plain

    def indexed(self, features: Float32Array) -> Float32Array:
        """Return rows in the order numeric, categorical, derived, these by their numbers; a missing value stays NaN.

        Args:
            features: [n, features].

        Returns:
            [n, columns]: one of each feature, but one per part of a date and per word that is counted of a text.
        """
        order = [column.index for column in self.numeric] + [column.index for column in self.categorical]
        derived = [column.numbers(features[:, column.index]) for column in self.derived]
        return np.concatenate([features[:, order], *derived], axis=1) if derived else features[:, order]

    def _scaled(self, features: Float32Array) -> Float32Array:
        """Return numbers imputed, bounded and normalised, [n, numeric]."""
        taken = features[:, [column.index for column in self.numeric]]
        taken = np.where(np.isnan(taken), self.medians, taken)
        return (np.clip(taken, self.floors, self.ceilings) - self.means) * self.factors

    @property
    def floors(self) -> Float32Array:
        """[numeric]."""
        return np.array([column.floor for column in self.numeric], np.float32)

    @property
    def ceilings(self) -> Float32Array:
        """[numeric]."""
        return np.array([column.ceiling for column in self.numeric], np.float32)

    @property
    def medians(self) -> Float32Array:
        """[numeric]."""
        return np.array([column.median for column in self.numeric], np.float32)

    @property
    def means(self) -> Float32Array:
        """[numeric]."""
        return np.array([column.mean for column in self.numeric], np.float32)

    @property
    def factors(self) -> Float32Array:
        """[numeric]."""
        return np.array([column.factor for column in self.numeric], np.float32)


def _csr(rows: Sparse, width: int) -> Any:
    from scipy.sparse import csr_array

    pointers, columns, cells = rows
    return csr_array((cells, columns, pointers), shape=(len(pointers) - 1, width))


def fit_encoding(model: ModelFile, values: Mapping[str, tuple[str, ...]], features: Float32Array) -> Encoding:
    """Fit the encoding to training rows, [n, features]; `values` are those known of each category."""
    return Encoding(
        tuple(
            type_of(feature).fit(index, features[:, index], values.get(feature.name))
            for index, feature in enumerate(model.features)
        )
    )
