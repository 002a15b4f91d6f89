"""What a graph answers to rows in the coded form of `training.train.data.Rows`."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.model_file import ModelFile
from training.features.fitted import Float32Array
from training.train.encoding import Encoding
from training.train.export import MATRIX_INPUT
from training.train.parity import Predict


def graph_predictions(path: Path, model: ModelFile, encoding: Encoding) -> Predict:
    """Load a graph and return a function from rows [n, features] to predictions [n] or probabilities [n, classes]."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    matrix = len(session.get_inputs()[0].shape) == 2

    def predict(rows: Float32Array) -> NDArray[np.float64]:
        outputs = session.run(None, _feeds(encoding, matrix, rows))
        if model.target.classes is None:
            return np.asarray(outputs[0], np.float64)
        return np.stack(outputs[1:], axis=1).astype(np.float64)

    return predict


def _feeds(encoding: Encoding, matrix: bool, rows: Float32Array) -> dict[str, NDArray[Any]]:
    if matrix:
        return {MATRIX_INPUT: rows}
    return {column.name: column.input(rows[:, column.index]) for column in encoding.columns}
