"""A number in [0, 1) for each row, from what it holds: never from where it stands, how it is stored, or by whom.

The hash is our own, so that no newer library can move a row: each value becomes 64 bits, and these are mixed in turn by
the finalizer of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014).
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

Bits = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_MISSING = np.uint64(0xFFF8_0000_0000_0001)
"""Bits of a NaN that no value has."""


def uniforms(start: int, count: int, seed: int, stream: int = 0) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each of the positions start … start + count - 1, [count].

    Any position's number is had without those before it, in pieces of any size. Another `stream` gives numbers
    independent of the first.
    """
    with np.errstate(over="ignore"):
        origin = _mix(_mix(np.array([seed], np.uint64)) + np.uint64(stream) * _GOLDEN)
        mixed = _mix(origin + np.arange(start + 1, start + 1 + count, dtype=np.uint64) * _GOLDEN)
    return _unit(mixed)


def row_uniforms(rows: "pl.DataFrame", columns: Sequence[str], seed: int) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each row, [n]: equal for rows that are equal in the columns.

    The order of the columns makes no difference, nor does the width of a number's type: 1, 1.0 and true are equal.
    """
    with np.errstate(over="ignore"):
        mixed = np.full(len(rows), _mix(np.array([seed], np.uint64))[0])
        for name in sorted(columns):
            mixed = _mix((mixed + _GOLDEN) ^ _bits(rows[name]))
    return _unit(mixed)


def _bits(column: "pl.Series") -> Bits:
    import polars as pl

    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        return _text_bits(column.cast(pl.String))
    if column.dtype == pl.Time:
        column = column.cast(pl.Int64)
    elif column.dtype.is_temporal():
        column = column.cast(pl.Datetime("us")).cast(pl.Int64)
    numbers = column.cast(pl.Float64).to_numpy().astype(np.float64) + 0.0  # so that -0.0 is 0.0
    return np.where(np.isnan(numbers), _MISSING, numbers.view(np.uint64))


def _text_bits(column: "pl.Series") -> Bits:
    different = column.unique()
    hashes = [
        int(_MISSING) if text is None else int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
        for text in different
    ]
    import polars as pl

    table = pl.DataFrame({"cell": different, "hash": pl.Series(hashes, dtype=pl.UInt64)})
    found = column.to_frame("cell").join(table, on="cell", how="left", nulls_equal=True, maintain_order="left")
    return found["hash"].to_numpy()


def _mix(value: Bits) -> Bits:
    value = (value ^ (value >> np.uint64(30))) * _MIX_1
    value = (value ^ (value >> np.uint64(27))) * _MIX_2
    return value ^ (value >> np.uint64(31))


def _unit(mixed: Bits) -> NDArray[np.float64]:
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
