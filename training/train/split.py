"""Which part of the data a row belongs to: a function of the seed and the row's position alone."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from molino.contracts.model_file import Split

TRAIN: Final = 0
VALIDATION: Final = 1
TEST: Final = 2

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def uniforms(start: int, count: int, seed: int, stream: int = 0) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each of the positions start … start + count - 1, [count].

    The finalizer of SplitMix64 (Steele, Lea & Flood 2014) over a counter: any row's number is had without those
    before it, on any machine, in pieces of any size. Another `stream` gives numbers independent of the first.
    """
    with np.errstate(over="ignore"):
        origin = _mix(_mix(np.array([seed], np.uint64)) + np.uint64(stream) * _GOLDEN)
        mixed = _mix(origin + np.arange(start + 1, start + 1 + count, dtype=np.uint64) * _GOLDEN)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def parts(start: int, count: int, split: Split, seed: int) -> NDArray[np.uint8]:
    """Return `TRAIN`, `VALIDATION` or `TEST` for each of the positions from `start` on, [count]."""
    drawn = uniforms(start, count, seed)
    held_back = split.test + split.validation
    return np.where(drawn < split.test, TEST, np.where(drawn < held_back, VALIDATION, TRAIN)).astype(np.uint8)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(30))) * _MIX_1
    value = (value ^ (value >> np.uint64(27))) * _MIX_2
    return value ^ (value >> np.uint64(31))
