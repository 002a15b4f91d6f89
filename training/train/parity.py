"""Whether a graph answers as the native model does, on held-out rows and on rows drawn over the features' ranges."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.model_file import Category, Integer, ModelFile, Number
from training.train.data import Float32Array
from training.train.encoding import Encoding

GENERATED_ROWS = 10_000
MISSING_SHARE = 0.05
OTHER_SHARE = 0.05

Predict = Callable[[Float32Array], NDArray[np.float64]]


@dataclass(frozen=True)
class Parity:
    """The greatest difference, and the row where it is."""

    worst: float
    row: dict[str, float | str | None]
    native: float
    onnx: float


def generate_rows(model: ModelFile, encoding: Encoding, seed: int, count: int = GENERATED_ROWS) -> Float32Array:
    """Draw rows [count, features] over the ranges of the model file, or of the training rows where it names none."""
    rng = np.random.default_rng(seed)
    rows = np.empty((count, len(model.features)), np.float32)
    for column in encoding.numeric:
        rows[:, column.index] = _draw(model, column.index, column.low, column.high, rng, count)
    for category in encoding.categorical:
        known = len(category.values)
        rows[:, category.index] = rng.integers(0, known, count)
        feature = model.features[category.index]
        if isinstance(feature, Category) and feature.unseen == "other":
            rows[rng.random(count) < OTHER_SHARE, category.index] = known
    for index, of_any in enumerate(model.features):
        if of_any.missing == "impute":
            rows[rng.random(count) < MISSING_SHARE, index] = np.nan
    return rows


def measure_parity(
    model: ModelFile, encoding: Encoding, native: Predict, graph: Predict, rows: Float32Array, spread: float
) -> Parity:
    """Predict both about the same 32-bit rows.

    Args:
        model: names the features.
        encoding: knows the categories' values.
        native: the trained model.
        graph: its ONNX graph.
        rows: [n, features].
        spread: what a difference is relative to: the target's standard deviation, or 1 for probabilities.
    """
    ours, theirs = native(rows), graph(rows)
    difference = np.abs(ours - theirs) / spread
    difference = np.where(np.isfinite(difference), difference, np.inf)
    at = np.unravel_index(int(np.argmax(difference)), difference.shape)
    row = _readable(model, encoding, rows[at[0]])
    return Parity(float(difference[at]), row, float(ours[at]), float(theirs[at]))


def check_parity(name: str, found: Parity, tolerance: float) -> None:
    """Refuse a graph that answers otherwise than its native model.

    Raises:
        StepError: names the worst row.
    """
    if not found.worst <= tolerance:
        raise StepError(
            f"candidate {name}: ONNX and native model differ by {found.worst:.3g} (training.parity_tolerance is "
            f"{tolerance:g}); worst row {found.row}: native {found.native:.9g}, ONNX {found.onnx:.9g}"
        )


def _draw(
    model: ModelFile, index: int, low: float, high: float, rng: np.random.Generator, count: int
) -> NDArray[np.float64]:
    feature = model.features[index]
    if isinstance(feature, Number | Integer):
        low = low if feature.minimum is None else feature.minimum
        high = high if feature.maximum is None else feature.maximum
    if isinstance(feature, Number):
        return rng.uniform(low, high, count)
    return rng.integers(int(low), int(high) + 1, count).astype(np.float64)


def _readable(model: ModelFile, encoding: Encoding, row: Float32Array) -> dict[str, float | str | None]:
    values = {column.index: (*column.values, "(other)") for column in encoding.categorical}
    readable: dict[str, float | str | None] = {}
    for index, feature in enumerate(model.features):
        if np.isnan(row[index]):
            readable[feature.name] = None
        else:
            readable[feature.name] = values[index][int(row[index])] if index in values else float(row[index])
    return readable
