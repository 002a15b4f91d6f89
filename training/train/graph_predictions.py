"""What a graph answers to rows in the coded form of `training.train.data.Rows`."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.model_file import ModelFile
from training.train.data import Float32Array
from training.train.encoding import Categorical, Encoding
from training.train.export import MATRIX_INPUT
from training.train.parity import Predict

OTHER = "\N{REPLACEMENT CHARACTER}"
"""A string that no category lists."""


def graph_predictions(path: Path, model: ModelFile, encoding: Encoding) -> Predict:
    """Load a graph and return a function from rows [n, features] to predictions [n] or probabilities [n, classes]."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    categories = {column.index: column for column in encoding.categorical}

    def predict(rows: Float32Array) -> NDArray[np.float64]:
        outputs = session.run(None, _feeds(model, categories, rows))
        if model.target.classes is None:
            return np.asarray(outputs[0], np.float64)
        return np.stack(outputs[1:], axis=1).astype(np.float64)

    return predict


def _feeds(model: ModelFile, categories: dict[int, Categorical], rows: Float32Array) -> dict[str, NDArray[Any]]:
    if not categories:
        return {MATRIX_INPUT: rows}
    return {
        feature.name: _strings(categories[index], rows[:, index])
        if index in categories
        else np.ascontiguousarray(rows[:, index])
        for index, feature in enumerate(model.features)
    }


def _strings(column: Categorical, codes: Float32Array) -> NDArray[Any]:
    spelled = np.array([*column.values, OTHER, ""], object)
    return spelled[np.where(np.isnan(codes), len(column.values) + 1, codes).astype(np.intp)]
