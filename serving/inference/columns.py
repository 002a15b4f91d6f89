"""Whole columns of values into the inputs of a graph: checked a column at a time, by the types of `decoding`.

What is refused here, `serving.inference.validation` looks at again row by row, so that both say the same.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from molino.contracts.release import Release
from serving.features import serve_features
from serving.features.base import GraphInputs
from serving.inference.decoding import Row, typed
from serving.inference.graph_inputs import GraphInputBuilder
from serving.inference.validation import BodyValidator


class ColumnReader:
    """Reads the columns of one release."""

    def __init__(self, release: Release, validator: BodyValidator, graph_inputs: GraphInputBuilder) -> None:
        features = serve_features(release)
        self._texts = [position for position, served in enumerate(features) if served.any_text]
        types = [typed(served) for served in features]
        self._row = _struct("Row", types)
        self._table = _struct("Table", [list[kind] for kind in types])  # type: ignore[valid-type]
        self._validator = validator
        self._graph_inputs = graph_inputs

    def read(self, columns: Sequence[Sequence[Any]]) -> GraphInputs:
        """Return the graph's inputs for a column per feature, in feature order, all of one length.

        Raises:
            Problem: 422 with each wrong value's row and feature.
        """
        checked = _convert(columns, self._table)
        if checked is None or any(_has_blank(checked[position]) for position in self._texts):
            return self._graph_inputs(self._read_rows(columns))
        return self._graph_inputs.of_columns(checked)

    def read_row(self, columns: Sequence[Sequence[Any]]) -> Row:
        """Return the row of columns of length one, which is quicker checked as a whole.

        Raises:
            Problem: as `read`.
        """
        row = _convert([column[0] for column in columns], self._row)
        if row is None or (self._texts and _has_blank([row[position] for position in self._texts])):
            return self._read_rows(columns)[0]
        return row

    def _read_rows(self, columns: Sequence[Sequence[Any]]) -> list[list[Any]]:
        return self._validator.read_rows([list(row) for row in zip(*columns, strict=True)])


def _has_blank(texts: Sequence[str | None]) -> bool:
    return any(map(str.isspace, filter(None, texts)))


def _struct(name: str, types: Sequence[Any]) -> Any:
    """Return a struct of values in feature order; msgspec prepares one once, and a tuple each time."""
    return msgspec.defstruct(name, [(f"f{position}", kind) for position, kind in enumerate(types)], array_like=True)


def _convert(values: Sequence[Any], kind: Any) -> tuple[Any, ...] | None:
    try:
        return msgspec.structs.astuple(msgspec.convert(values, kind))
    except msgspec.ValidationError:
        return None
