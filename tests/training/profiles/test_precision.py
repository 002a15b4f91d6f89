"""Which columns 32-bit floats can't hold well, and what is said of them."""

import numpy as np
import polars as pl
import pytest

from molino.contracts.model_file import Integer, Number
from training.features import type_of
from training.ingest.profiler import ColumnProfiler

RNG = np.random.default_rng(0)
SECONDS = RNG.integers(1_700_000_000, 1_800_000_000, 500).astype(float)
COARSE = {
    "Unix seconds": (SECONDS, "step by 128 at 1799"),
    "negative ones": (-SECONDS, "step by 128 at -1799"),
    "whole numbers just beyond 2**24": (np.arange(2.0**24 - 5, 2.0**24 + 6), "step by 2 at 16777221"),
    "days apart by minutes": (4e6 + RNG.uniform(0, 20, 500), "step by 0.25 at 400001"),
    "milliseconds with fractions of one hour": (1.7e12 + RNG.uniform(0, 3.6e6, 500), "step by 131072 at 170000"),
}
FINE = {
    "whole numbers up to 2**24": np.arange(2.0**24 - 10, 2.0**24 + 1),
    "years": 2000 + RNG.uniform(0, 30, 500),
    "revenues with cents": RNG.normal(1e9, 3e8, 500),
    "a constant": np.full(10, 1.7e9 + 1),
    "nothing but one value": np.array([3.14e9]),
    "degrees": RNG.uniform(-180, 180, 500),
}


def told(values, kind=Number):
    name = kind.__name__.lower()
    profiler = ColumnProfiler(type_of(kind(name="a", type=name)))
    for part in np.array_split(np.asarray(values), min(3, len(values))):
        profiler.add(pl.Series(part))
    return profiler.profile().coarse


@pytest.mark.parametrize("name", COARSE)
def test_what_32_bits_cannot_hold_is_said_with_its_step(name):
    values, step = COARSE[name]
    assert step in (told(values) or "")


def test_it_is_said_what_to_do():
    assert "subtract a constant from the column in the source" in told(SECONDS)


@pytest.mark.parametrize("name", FINE)
def test_what_32_bits_hold_well_is_not_spoken_of(name):
    assert told(FINE[name]) is None


def test_integers_of_their_range_are_exact():
    assert told([-(2**24), 0, 2**24], Integer) is None
