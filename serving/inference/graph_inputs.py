"""Checked rows into the tensors that the graph takes."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from molino.contracts.errors import ReleaseError
from molino.contracts.release import Release, Tensor
from serving.features import ServedFeature, serve_features

FEW_ROWS = 8
_DTYPES: Mapping[str, DTypeLike] = {"float32": np.float32, "int64": np.int64, "string": np.object_}


class GraphInputBuilder:
    """Turns rows in feature order into the inputs of one release's graph."""

    def __init__(self, release: Release) -> None:
        """Prepare for a release.

        Raises:
            ReleaseError: the signature's inputs don't fit the features.
        """
        where = f"release {release.name} {release.version}"
        inputs = release.signature.inputs
        features = serve_features(release)
        self._matrix = inputs[0].name if release.signature.layout == "matrix" else None
        self._features = features
        self._width = len(features)
        self._plain = all(served.plain for served in features)
        self._complete = all(feature.missing == "refuse" for feature in release.features)
        self._columns: list[tuple[str, int, Callable[[Sequence[Any], DTypeLike], NDArray[Any]], DTypeLike]] = []
        if self._matrix is not None:
            _check_matrix(where, release, features)
            return
        if {tensor.name for tensor in inputs} != {feature.name for feature in release.features}:
            raise ReleaseError(f"{where}: the signature's inputs are not its features")
        positions = {feature.name: position for position, feature in enumerate(release.features)}
        for tensor in inputs:
            position = positions[tensor.name]
            _check_column(where, tensor, features[position])
            self._columns.append((tensor.name, position, features[position].tensor, _DTYPES[tensor.dtype]))
        self._all_numbers = self._plain and self._complete and {tensor.dtype for tensor in inputs} == {"float32"}

    def __call__(self, rows: Sequence[Sequence[Any]]) -> dict[str, NDArray[Any]]:
        """Return the inputs; a missing number is NaN, a missing category the empty string."""
        if self._matrix is not None:
            return {self._matrix: self._fill_matrix(rows)}
        if len(rows) > FEW_ROWS:
            if self._all_numbers:
                turned = np.ascontiguousarray(self._fill_matrix(rows).T)
                return {name: turned[position] for name, position, _, _ in self._columns}
            return self.of_columns(list(zip(*rows, strict=True)))
        return {name: tensor([row[position] for row in rows], dtype) for name, position, tensor, dtype in self._columns}

    @property
    def all_floats(self) -> bool:
        """Whether each row is 32-bit floats, with none missing."""
        return self._all_numbers if self._matrix is None else self._plain and self._complete

    def apart(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return a column per feature, in feature order, of the graph's inputs."""
        if self._matrix is not None:
            return list(inputs[self._matrix].T)
        return [inputs[served.feature.name] for served in self._features]

    def together(self, columns: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the graph's inputs of such columns."""
        if self._matrix is not None:
            return {self._matrix: np.stack(columns, axis=1)}
        return {name: columns[position] for name, position, _, _ in self._columns}

    def of_columns(self, columns: Sequence[Sequence[Any]]) -> dict[str, NDArray[Any]]:
        """Return the inputs from a column of checked values per feature."""
        if self._matrix is None:
            return {name: self._column(columns[at], at, dtype) for name, at, _, dtype in self._columns}
        matrix = np.empty((len(columns[0]), self._width), np.float32)
        for at, column in enumerate(columns):
            matrix[:, at] = self._column(column, at, np.float32)
        return {self._matrix: matrix}

    def _column(self, column: Sequence[Any], position: int, dtype: DTypeLike) -> NDArray[Any]:
        served = self._features[position]
        if served.plain and served.feature.missing == "refuse":
            return np.fromiter(column, dtype, len(column))
        return served.tensor(column, dtype)

    def _fill_matrix(self, rows: Sequence[Sequence[Any]]) -> NDArray[np.float32]:
        """Many complete rows are read value by value, which is quicker than row by row but knows no missing one."""
        if not self._plain:
            columns = zip(self._features, zip(*rows, strict=True), strict=True)
            return np.stack([served.tensor(values, np.float32) for served, values in columns], axis=1)
        if self._complete and len(rows) > FEW_ROWS:
            count = len(rows) * self._width
            return np.fromiter(chain.from_iterable(rows), np.float32, count).reshape(-1, self._width)
        return np.array(rows, dtype=np.float32)


def _check_matrix(where: str, release: Release, features: Sequence[ServedFeature]) -> None:
    tensor = release.signature.inputs[0]
    if len(release.signature.inputs) != 1 or tensor.dtype != "float32" or tensor.shape[-1] != len(features):
        raise ReleaseError(f"{where}: a matrix signature needs one float32 input [-1, {len(features)}]")
    for served in features:
        if tensor.dtype not in served.dtypes:
            raise ReleaseError(f"{where}: a matrix signature can't have {served.feature.name}, a {served.type}")


def _check_column(where: str, tensor: Tensor, served: ServedFeature) -> None:
    if tensor.dtype not in served.dtypes:
        raise ReleaseError(f"{where}: input {tensor.name} is {tensor.dtype}, the feature {served.type}")
    if tensor.dtype == "int64" and served.feature.missing == "impute":
        raise ReleaseError(f"{where}: input {tensor.name} is int64, which has no missing value")
