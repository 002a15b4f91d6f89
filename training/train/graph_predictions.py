"""What a graph answers to rows in the coded form of `training.train.data.Rows`."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.model_file import ModelFile
from training.features.fitted import Float32Array
from training.train.encoding import Encoding
from training.train.export import MATRIX_INPUT


class GraphPredictions:
    """A loaded graph."""

    def __init__(self, path: Path, model: ModelFile, encoding: Encoding) -> None:
        import onnxruntime

        self.classes = model.target.classes
        self.encoding = encoding
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.matrix = len(self.session.get_inputs()[0].shape) == 2

    def __call__(self, rows: Float32Array) -> NDArray[np.float64]:
        """Answer rows [n, features] with predictions [n] or probabilities [n, classes]."""
        outputs = self._run(None, rows)
        if self.classes is None:
            return np.asarray(outputs[0], np.float64)
        return np.stack(outputs[1:], axis=1).astype(np.float64)

    def labels(self, rows: Float32Array) -> NDArray[np.intp]:
        """Answer rows [n, features] with the positions of the labels in the classes, [n]."""
        (labels,) = self._run(["label"], rows)
        position = {name: index for index, name in enumerate(self.classes or ())}
        return np.fromiter((position[str(label)] for label in labels), np.intp, count=len(rows))

    def _run(self, names: list[str] | None, rows: Float32Array) -> list[NDArray[Any]]:
        """Return outputs of the graph.

        Raises:
            StepError: it can't be run on these rows.
        """
        try:
            outputs: list[NDArray[Any]] = self.session.run(names, _feeds(self.encoding, self.matrix, rows))
        except Exception as error:  # onnxruntime's own exceptions have no public base class
            raise StepError(f"its graph can't be run: {str(error).splitlines()[0]}") from error
        return outputs


def graph_predictions(path: Path, model: ModelFile, encoding: Encoding) -> GraphPredictions:
    """Load a graph."""
    return GraphPredictions(path, model, encoding)


def _feeds(encoding: Encoding, matrix: bool, rows: Float32Array) -> dict[str, NDArray[Any]]:
    if matrix:
        return {MATRIX_INPUT: rows}
    return {column.name: column.input(rows[:, column.index]) for column in encoding.columns}
