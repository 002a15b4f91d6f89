"""Numbers that are normalised, and bounded: no single value outweighs all others, in training rows or in a request."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.features.fitted import Fitted, Float32Array

LARGEST = float(np.finfo(np.float32).max)
SMALLEST_SPREAD = 1 / LARGEST
OUTERMOST = 0.001
"""Share of the training rows at each end, one row at least, that says nothing of how far the others reach."""
REACH = 0.5
"""How much farther than these a number counts, in their range."""


@dataclass(frozen=True)
class Scaled(Fitted):
    """A number, imputed by the median, bounded and normalised."""

    median: np.float32
    floor: np.float32
    """What a lesser number is taken for."""
    ceiling: np.float32
    """What a greater number is taken for."""
    mean: np.float32
    factor: np.float32
    """1 / standard deviation, or 1 of a constant."""
    low: float
    high: float
    whole: bool
    """True where no value has a fraction."""

    has_codes = False

    @property
    def width(self) -> int:
        """One."""
        return 1

    def drawn(self, rng: np.random.Generator, count: int) -> Float32Array:
        """Draw over the range of the training rows."""
        if self.whole:
            return rng.integers(int(self.low), int(self.high) + 1, count).astype(np.float32)
        return rng.uniform(self.low, self.high, count).astype(np.float32)

    def input(self, codes: Float32Array) -> NDArray[Any]:
        """Return the numbers."""
        return np.ascontiguousarray(codes)

    def readable(self, code: float) -> float | str:
        """Return the number."""
        return float(code)


def fit_scaled(index: int, name: str, imputed: bool, codes: Float32Array, whole: bool) -> Scaled:
    """Fit a number to training rows."""
    present = codes[~np.isnan(codes)].astype(np.float64)
    if not len(present):
        present = np.zeros(1)
    median = np.float32(np.median(present))
    floor, ceiling = _bounds(present)
    filled = np.where(np.isnan(codes), median, np.clip(codes, floor, ceiling)).astype(np.float64)
    spread = float(filled.std())
    return Scaled(
        index=index,
        name=name,
        imputed=imputed,
        median=median,
        floor=floor,
        ceiling=ceiling,
        mean=np.float32(filled.mean()),
        factor=np.float32(1.0 if _is_constant(filled, spread, whole) else 1 / spread),
        low=float(present.min()),
        high=float(present.max()),
        whole=whole,
    )


def _bounds(present: NDArray[np.float64]) -> tuple[np.float32, np.float32]:
    """Return the range of all but the outermost rows, and as far again on both sides.

    Where those have one value alone, it is with the range of the rows that have another: these are rare, and still told
    apart, and no outermost one of them hides the others.
    """
    low, high = _inner(present)
    if low == high and len(rare := present[present != low]):
        reached = _inner(rare)
        low, high = min(low, *reached), max(high, *reached)
    reach = REACH * (high - low)
    return np.float32(max(low - reach, -LARGEST)), np.float32(min(high + reach, LARGEST))


def _inner(present: NDArray[np.float64]) -> tuple[float, float]:
    """Return the range of all but the outermost rows; of one or two rows that of all."""
    rows = len(present)
    if rows < 3:
        return float(present.min()), float(present.max())
    beyond = max(1, round(OUTERMOST * rows))
    first, last = beyond, rows - 1 - beyond
    ordered = np.partition(present, [first, last])
    return float(ordered[first]), float(ordered[last])


def _is_constant(numbers: NDArray[np.float64], spread: float, whole: bool) -> bool:
    """Tell whether values differ by no more than rounding: fractions by one step of the 32-bit floats at their size.

    Whole numbers differ where they do. A spread whose inverse 32 bits can't hold counts as none.
    """
    low, high = float(numbers.min()), float(numbers.max())
    step = 0.0 if whole else float(np.spacing(np.float32(max(abs(low), abs(high)))))
    return high - low <= step or spread <= SMALLEST_SPREAD
