"""Whole columns of values into the inputs of a graph: checked a column at a time, by the types of `decoding`.

What is refused here, `serving.inference.validation` looks at again row by row, so that both say the same.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from molino.contracts.release import Release
from serving.features import serve_features
from serving.features.base import GraphInputs
from serving.inference.decoding import typed
from serving.inference.graph_inputs import GraphInputBuilder
from serving.inference.validation import BodyValidator


class ColumnReader:
    """Reads the columns of one release."""

    def __init__(self, release: Release, validator: BodyValidator, graph_inputs: GraphInputBuilder) -> None:
        self._features = serve_features(release)
        self._types: list[Any] = [list[typed(served)] for served in self._features]  # type: ignore[misc]
        self._validator = validator
        self._graph_inputs = graph_inputs

    def read(self, columns: Sequence[Sequence[Any]]) -> GraphInputs:
        """Return the graph's inputs for a column per feature, in feature order, all of one length.

        Raises:
            Problem: 422 with each wrong value's row and feature.
        """
        try:
            checked = [msgspec.convert(column, kind) for column, kind in zip(columns, self._types, strict=True)]
        except msgspec.ValidationError:
            return self._read_rows(columns)
        if any(served.any_text and _has_blank(column) for served, column in zip(self._features, checked, strict=True)):
            return self._read_rows(columns)
        return self._graph_inputs.of_columns(checked)

    def _read_rows(self, columns: Sequence[Sequence[Any]]) -> GraphInputs:
        rows = self._validator.read_rows([list(row) for row in zip(*columns, strict=True)])
        return self._graph_inputs(rows)


def _has_blank(texts: Sequence[str | None]) -> bool:
    return any(map(str.isspace, filter(None, texts)))
