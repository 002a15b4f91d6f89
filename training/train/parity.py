"""Whether a graph answers as the native model does, on held-out rows and on rows drawn over the features' ranges."""

from collections.abc import Callable, Sequence
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

    A difference counts by what it has beyond one step of the 32-bit floats at the answer, in which a graph answers.

    Args:
        encoding: knows the features.
        native: the trained model.
        graph: its ONNX graph.
        rows: [n, features].
        spread: what a difference is relative to: the target's standard deviation, or 1 for probabilities.
    """
    ours, theirs = native(rows), graph(rows)
    difference = np.maximum(np.abs(ours - theirs) - step_at(ours), 0) / spread
    difference = np.where(np.isfinite(difference), difference, np.inf)
    at = np.unravel_index(int(np.argmax(difference)), difference.shape)
    row = _readable(encoding, rows[at[0]])
    return Parity(float(difference[at]), row, float(ours[at]), float(theirs[at]))


def step_at(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the next 32-bit float lies from each value."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.spacing(np.abs(values).astype(np.float32)).astype(np.float64)


def check_labels(
    name: str, native: NDArray[np.float64], labels: NDArray[np.intp], classes: Sequence[str], tolerance: float
) -> None:
    """Refuse a graph whose label isn't the class that the native model finds most probable.

    Where two classes are within twice the tolerance of each other, either may be the label.

    Args:
        name: of the candidate.
        native: probabilities of the native model, [n, classes].
        labels: positions of the graph's labels in the classes, [n].
        classes: their names.
        tolerance: of a probability.

    Raises:
        StepError: names the worst row.
    """
    lacking = native.max(axis=1) - native[np.arange(len(native)), labels]
    worst = int(np.argmax(lacking))
    if not lacking[worst] <= 2 * tolerance:
        best = classes[int(native[worst].argmax())]
        raise StepError(
            f"candidate {name}: ONNX labels row {worst} {classes[labels[worst]]!r}, but the native model finds "
            f"{best!r} more probable by {lacking[worst]:.3g} (training.parity_tolerance is {tolerance:g})"
        )


def check_target(name: str, target: NDArray[np.float64], tolerance: float) -> str | None:
    """Return what to know of a regression's target whose steps in 32-bit floats are wide for its spread, if so.

    Raises:
        StepError: the steps are wider than the spread, so that no graph could tell its values apart.
    """
    if target.min() == target.max():
        return None
    spread, largest = float(target.std()), float(np.abs(target).max())
    step = float(step_at(np.array(largest)))
    if step <= tolerance * spread:
        return None
    told = (
        f"target {name!r}: 32-bit floats, in which graphs answer, step by {step:g} at {largest:.6g}, "
        f"and its values spread by {spread:.3g}; subtract a constant from the column, or change its unit"
    )
    if step > spread:
        raise StepError(told)
    return told


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
