"""How rows enter an estimator: in numpy for training, and as nodes for its graph."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from training.features.fitted import Float32Array
from training.train.candidates.tree_categories import TreeTables, given
from training.train.encoding import Encoding
from training.train.export import Export


class Form(Protocol):
    """One of the forms that rows [n, features] can be given in."""

    @property
    def width(self) -> int:
        """Columns of the form."""

    def __call__(self, features: Float32Array) -> Float32Array:
        """Return rows as [n, width]."""

    def export(self, graph: Export) -> str:
        """Add the nodes that do the same, and return their output."""


@dataclass(frozen=True)
class Dense:
    """Numbers imputed, bounded and normalised, a column for each value of a category: what any estimator can take."""

    encoding: Encoding

    @property
    def width(self) -> int:
        """Columns of the form."""
        return self.encoding.width

    def __call__(self, features: Float32Array) -> Float32Array:
        """Return rows as [n, width]."""
        return self.encoding.dense(features)

    def export(self, graph: Export) -> str:
        """Add the nodes that do the same, and return their output."""
        return graph.dense()


@dataclass(frozen=True)
class AsGiven:
    """Numbers as they are."""

    width: int

    def __call__(self, features: Float32Array) -> Float32Array:
        """Return rows as they are, [n, width]."""
        return features

    def export(self, graph: Export) -> str:
        """Add the nodes that put them together, and return their output."""
        return graph.indexed({})


@dataclass(frozen=True)
class Placed:
    """Numbers as they are, and categories in the order of the target's mean; what is missing is NaN: for trees."""

    encoding: Encoding
    tables: TreeTables

    @property
    def width(self) -> int:
        """Columns of the form."""
        nothing = np.full((1, len(self.encoding.columns)), np.nan, np.float32)
        return int(self(nothing).shape[1])

    @property
    def names(self) -> list[str]:
        """The feature of each column."""
        encoding = self.encoding
        nothing = np.full(1, np.nan, np.float32)
        plain = [column.name for column in (*encoding.numeric, *encoding.categorical)]
        derived = [column.name for column in encoding.derived for _ in range(column.numbers(nothing).shape[1])]
        return plain + derived

    def __call__(self, features: Float32Array) -> Float32Array:
        """Return rows as [n, width]."""
        return self.encoding.indexed(given(self.tables, features))

    def export(self, graph: Export) -> str:
        """Add the nodes that do the same, and return their output."""
        return graph.indexed(self.tables)
