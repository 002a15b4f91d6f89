"""Whether a graph answers as the native model does, on held-out rows and on rows drawn over the features' ranges."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from training.features.fitted import Float32Array
from training.train.encoding import Encoding

GENERATED_ROWS = 10_000

Predict = Callable[[Float32Array], NDArray[np.float64]]


@dataclass(frozen=True)
class Parity:
    """The greatest difference, and the row where it is."""

    worst: float
    row: dict[str, float | str | None]
    native: float
    onnx: float


def generate_rows(encoding: Encoding, seed: int, count: int = GENERATED_ROWS) -> Float32Array:
    """Draw rows [count, features] over the ranges of the training rows, with values missing where they may be."""
    rng = np.random.default_rng(seed)
    return np.stack([column.draw(rng, count) for column in encoding.columns], axis=1)


def measure_parity(encoding: Encoding, native: Predict, graph: Predict, rows: Float32Array, spread: float) -> Parity:
    """Predict both about the same 32-bit rows.

    Args:
        encoding: knows the features.
        native: the trained model.
        graph: its ONNX graph.
        rows: [n, features].
        spread: what a difference is relative to: the target's standard deviation, or 1 for probabilities.
    """
    ours, theirs = native(rows), graph(rows)
    difference = np.abs(ours - theirs) / spread
    difference = np.where(np.isfinite(difference), difference, np.inf)
    at = np.unravel_index(int(np.argmax(difference)), difference.shape)
    row = _readable(encoding, rows[at[0]])
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


def _readable(encoding: Encoding, row: Float32Array) -> dict[str, float | str | None]:
    return {
        column.name: None if np.isnan(code) else column.readable(float(code))
        for column, code in zip(encoding.columns, row, strict=True)
    }
