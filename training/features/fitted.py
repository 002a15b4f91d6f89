"""Features fitted to training rows: how codes become columns that a candidate trains on, here and in a graph.

Each type of feature takes one of the forms: `Scaled` (in `training.features.scaled`), `OneHot`, or one below `Derived`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

MISSING_SHARE = 0.05
OTHER_SHARE = 0.05
OTHER = "\N{REPLACEMENT CHARACTER}"
"""A string that no category lists."""


class Nodes(Protocol):
    """A graph in the making."""

    def node(self, kind: str, inputs: Sequence[str], output: str, *, ml: bool = False, **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""

    def constant(self, name: str, value: Any) -> str:
        """Add an array under a name and return the name."""

    def each_text(self, texts: str, output: str, nodes: Sequence["TextNode"], width: int) -> str:
        """Add a node that runs nodes on one text after the other, and return its output, [n, width].

        Args:
            texts: strings, [n].
            output: its name.
            nodes: what they read as `text` is one of the strings; constants are known by their names. The last one's
                output, [width], is a row.
            width: columns.
        """


@dataclass(frozen=True)
class TextNode:
    """A node among those that are run on one text after the other."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    """Names of their own among these nodes."""
    attributes: Mapping[str, Any] = field(default_factory=dict)


Sparse = tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.float64]]
"""Rows as in SciPy's CSR form: where each row begins and the last one ends, the columns of cells, and the cells."""


@dataclass(frozen=True)
class Fitted(ABC):
    """A feature, fitted; all figures are those of the training rows."""

    index: int
    """Position among the features."""
    name: str
    imputed: bool
    """True where the model file lets values be missing."""

    has_codes: ClassVar[bool]
    """True where a code is the position of a value, false where it is the number itself."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Columns of the dense form."""

    def draw(self, rng: np.random.Generator, count: int) -> Float32Array:
        """Draw codes over all that the graph may be asked about."""
        drawn = self.drawn(rng, count)
        if self.imputed:
            drawn[rng.random(count) < MISSING_SHARE] = np.nan
        return drawn

    @abstractmethod
    def drawn(self, rng: np.random.Generator, count: int) -> Float32Array:
        """Draw codes, none of which is missing."""

    @abstractmethod
    def input(self, codes: Float32Array) -> NDArray[Any]:
        """Return codes as the graph's input of this feature."""

    @abstractmethod
    def readable(self, code: float) -> float | str:
        """Return a code that isn't missing as a person would write it."""


class Derived(Fitted):
    """A feature of which candidates are given several columns that a graph works out."""

    @abstractmethod
    def numbers(self, codes: Float32Array) -> Float32Array:
        """Return codes [n] as numbers for trees, [n, columns]."""

    @abstractmethod
    def dense(self, codes: Float32Array) -> Float32Array:
        """Return codes [n] as columns for networks and linear models, [n, width]."""

    def sparse(self, codes: Float32Array) -> Sparse:
        """Return the same, where most cells may be 0 without these."""
        dense = self.dense(codes)
        rows, width = dense.shape
        columns = np.tile(np.arange(width, dtype=np.int32), rows)
        return np.arange(rows + 1) * width, columns, dense.astype(np.float64).ravel()

    @abstractmethod
    def export_numbers(self, graph: Nodes) -> str:
        """Add the nodes of `numbers` and return their output."""

    @abstractmethod
    def export_dense(self, graph: Nodes) -> str:
        """Add the nodes of `dense` and return their output."""


@dataclass(frozen=True)
class OneHot(Fitted):
    """One of some known values. A row has the code of its value, one more for other, two for missing."""

    values: tuple[str, ...]
    other: bool
    """True where other values may be asked about."""
    table: Float32Array
    """[values + 2, width]: the one-hot row of each code. Other and missing have a column of their own where training
    rows had them; else all their columns are 0, so that no untrained weight answers for them."""

    has_codes = True

    @property
    def width(self) -> int:
        """A column a value, and those of other and missing where training rows had them."""
        return int(self.table.shape[1])

    def positions(self, codes: Float32Array) -> NDArray[np.intp]:
        """Return codes as rows of the table."""
        return np.where(np.isnan(codes), len(self.values) + 1, codes).astype(np.intp)

    def drawn(self, rng: np.random.Generator, count: int) -> Float32Array:
        """Draw known values, and now and then another one where that may be."""
        found = rng.integers(0, len(self.values), count).astype(np.float32)
        if self.other:
            found[rng.random(count) < OTHER_SHARE] = len(self.values)
        return found

    def input(self, codes: Float32Array) -> NDArray[Any]:
        """Return the values as strings; a missing one is empty."""
        spelled = np.array([*self.values, OTHER, ""], object)
        return spelled[self.positions(codes)]

    def readable(self, code: float) -> float | str:
        """Return the value."""
        return (*self.values, "(other)")[int(code)]

    def export_position(self, graph: Nodes) -> str:
        """Add the node that turns strings into rows of the table, int64."""
        known, keys = len(self.values), [*self.values, ""]
        return graph.node("LabelEncoder", [self.name], f"columns/{self.name}/row", ml=True, keys_strings=keys,
                          values_int64s=[*range(known), known + 1], default_int64=known)  # fmt: skip

    def export_code(self, graph: Nodes, table: Float32Array | None = None) -> str:
        """Add the node that turns strings into codes, float32 and NaN where missing.

        Args:
            graph: takes the node.
            table: [values + 1], what to give for each code, that of other values last; the code itself where none.
        """
        known, keys = len(self.values), [*self.values, ""]
        given = np.arange(known + 1, dtype=np.float32) if table is None else table
        floats = [*given[:known].tolist(), float("nan")]
        return graph.node("LabelEncoder", [self.name], f"columns/{self.name}/code", ml=True, keys_strings=keys,
                          values_floats=floats, default_float=float(given[known]))  # fmt: skip


def fit_one_hot(
    index: int, name: str, imputed: bool, codes: Float32Array, values: tuple[str, ...], other: bool
) -> OneHot:
    """Fit a category to training rows; `other` tells whether a value outside of the known ones may be asked about."""
    return OneHot(index, name, imputed, values, other, _one_hot_table(codes, len(values)))


def _one_hot_table(codes: Float32Array, known: int) -> Float32Array:
    """Return the one-hot rows of the codes 0 … known + 1."""
    other, missing = bool((codes == known).any()), bool(np.isnan(codes).any())
    table = np.zeros((known + 2, known + other + missing), np.float32)
    table[np.arange(known), np.arange(known)] = 1
    if other:
        table[known, known] = 1
    if missing:
        table[known + 1, -1] = 1
    return table
