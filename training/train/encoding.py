"""How rows enter a candidate: the same arithmetic in numpy, for training, and in ONNX (`training.train.export`)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molino.contracts.model_file import Category, ModelFile
from training.train.data import Float32Array


@dataclass(frozen=True)
class Numeric:
    """A number, integer or boolean; all figures are those of the training rows."""

    index: int
    """Position among the features."""
    name: str
    imputed: bool
    """True where the model file lets values be missing."""
    median: np.float32
    mean: np.float32
    factor: np.float32
    """1 / standard deviation, or 1 of a constant."""
    low: float
    high: float


@dataclass(frozen=True)
class Categorical:
    """A category with its known values. A row has the code of its value, one more for other, two for missing."""

    index: int
    name: str
    values: tuple[str, ...]
    imputed: bool
    table: Float32Array
    """[values + 2, width]: the one-hot row of each code. Other and missing have a column of their own where training
    rows had them; else all their columns are 0, so that no untrained weight answers for them."""


@dataclass(frozen=True)
class Encoding:
    """The features of a model, fitted to training rows."""

    numeric: tuple[Numeric, ...]
    categorical: tuple[Categorical, ...]

    @property
    def width(self) -> int:
        """Columns of the dense form."""
        return len(self.numeric) + sum(int(column.table.shape[1]) for column in self.categorical)

    def dense(self, features: Float32Array) -> Float32Array:
        """Return rows [n, features] as [n, width]: numbers imputed by the median and normalised, then one-hots."""
        taken = features[:, [column.index for column in self.numeric]]
        taken = np.where(np.isnan(taken), self.medians, taken)
        scaled = (taken - self.means) * self.factors
        hot = [column.table[_codes(features[:, column.index], column)] for column in self.categorical]
        return np.concatenate([scaled, *hot], axis=1)

    def indexed(self, features: Float32Array) -> Float32Array:
        """Return rows as [n, features] in the order numeric, categorical; a missing value stays NaN."""
        order = [column.index for column in self.numeric] + [column.index for column in self.categorical]
        return features[:, order]

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


def fit_encoding(model: ModelFile, values: Mapping[str, tuple[str, ...]], features: Float32Array) -> Encoding:
    """Fit the encoding to training rows, [n, features]."""
    numeric, categorical = [], []
    for index, feature in enumerate(model.features):
        column = features[:, index]
        imputed = feature.missing == "impute"
        if isinstance(feature, Category):
            table = _one_hot_table(column, len(values[feature.name]))
            categorical.append(Categorical(index, feature.name, values[feature.name], imputed, table))
        else:
            numeric.append(_fit_numeric(index, feature.name, imputed, column))
    return Encoding(tuple(numeric), tuple(categorical))


def _fit_numeric(index: int, name: str, imputed: bool, column: Float32Array) -> Numeric:
    present = column[~np.isnan(column)].astype(np.float64)
    if not len(present):
        present = np.zeros(1)
    median = np.float32(np.median(present))
    filled = np.where(np.isnan(column), median, column).astype(np.float64)
    spread = float(filled.std())
    return Numeric(
        index=index,
        name=name,
        imputed=imputed,
        median=median,
        mean=np.float32(filled.mean()),
        factor=np.float32(1 / spread if spread > 1e-12 else 1.0),
        low=float(present.min()),
        high=float(present.max()),
    )


def _one_hot_table(column: Float32Array, known: int) -> Float32Array:
    """Return the one-hot rows of the codes 0 … known + 1."""
    other, missing = bool((column == known).any()), bool(np.isnan(column).any())
    table = np.zeros((known + 2, known + other + missing), np.float32)
    table[np.arange(known), np.arange(known)] = 1
    if other:
        table[known, known] = 1
    if missing:
        table[known + 1, -1] = 1
    return table


def _codes(column: Float32Array, category: Categorical) -> NDArray[np.intp]:
    return np.where(np.isnan(column), len(category.values) + 1, column).astype(np.intp)
