"""Checked rows into the tensors that the graph takes."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import ReleaseError
from molino.contracts.release import Feature, Release, Tensor

Feeds = Mapping[str, NDArray[Any]]
FEW_ROWS = 8
UNSEEN = "\ufffd"
"""What a category value that the model doesn't know becomes. Sent as it is, a value with a NUL inside would be cut
there by ONNX Runtime, and could turn into a known one."""

_NUMBERS = {"float32": np.float32, "int64": np.int64}


class FeedBuilder:
    """Turns rows in feature order into the inputs of one release's graph."""

    def __init__(self, release: Release) -> None:
        """Prepare for a release.

        Raises:
            ReleaseError: the signature's inputs don't fit the features.
        """
        where = f"release {release.name} {release.version}"
        inputs = release.signature.inputs
        self._matrix = inputs[0].name if release.signature.layout == "matrix" else None
        self._width = len(release.features)
        self._complete = all(feature.missing == "refuse" for feature in release.features)
        self._columns: list[Callable[[Sequence[Sequence[Any]]], tuple[str, NDArray[Any]]]] = []
        if self._matrix is not None:
            _check_matrix(where, release)
            return
        if {tensor.name for tensor in inputs} != {feature.name for feature in release.features}:
            raise ReleaseError(f"{where}: the signature's inputs are not its features")
        positions = {feature.name: position for position, feature in enumerate(release.features)}
        for tensor in inputs:
            position = positions[tensor.name]
            self._columns.append(_column(where, tensor, position, release.features[position]))

    def __call__(self, rows: Sequence[Sequence[Any]]) -> dict[str, NDArray[Any]]:
        """Return the inputs; a missing number is NaN, a missing category the empty string."""
        if self._matrix is not None:
            return {self._matrix: self._fill_matrix(rows)}
        return dict(build(rows) for build in self._columns)

    def _fill_matrix(self, rows: Sequence[Sequence[Any]]) -> NDArray[np.float32]:
        """Many complete rows are read value by value, which is quicker than row by row but knows no missing one."""
        if self._complete and len(rows) > FEW_ROWS:
            count = len(rows) * self._width
            return np.fromiter(chain.from_iterable(rows), np.float32, count).reshape(-1, self._width)
        return np.array(rows, dtype=np.float32)


def _check_matrix(where: str, release: Release) -> None:
    tensor = release.signature.inputs[0]
    if len(release.signature.inputs) != 1 or tensor.dtype != "float32" or tensor.shape[-1] != len(release.features):
        raise ReleaseError(f"{where}: a matrix signature needs one float32 input [-1, {len(release.features)}]")
    if any(feature.type == "category" for feature in release.features):
        raise ReleaseError(f"{where}: a matrix signature can't have categories")


def _column(
    where: str, tensor: Tensor, position: int, feature: Feature
) -> Callable[[Sequence[Sequence[Any]]], tuple[str, NDArray[Any]]]:
    if (tensor.dtype == "string") != (feature.type == "category"):
        raise ReleaseError(f"{where}: input {tensor.name} is {tensor.dtype}, the feature {feature.type}")
    if tensor.dtype == "int64" and feature.missing == "impute":
        raise ReleaseError(f"{where}: input {tensor.name} is int64, which has no missing value")
    if tensor.dtype == "string":
        known = frozenset(feature.values) if feature.values is not None else None
        return lambda rows: (tensor.name, _strings(rows, position, known))
    dtype = _NUMBERS[tensor.dtype]
    return lambda rows: (tensor.name, np.array([row[position] for row in rows], dtype=dtype))


def _strings(rows: Sequence[Sequence[Any]], position: int, known: frozenset[str] | None) -> NDArray[Any]:
    values = [row[position] or "" for row in rows]
    if known is not None:
        values = [value if value in known or not value else UNSEEN for value in values]
    return np.array(values, dtype=object)
