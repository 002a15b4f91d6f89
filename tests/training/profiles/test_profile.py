import numpy as np
import polars as pl
import pytest

from molino.contracts.model_file import Boolean, Category, Integer, Number
from training.features import type_of
from training.ingest.profiler import ColumnProfiler
from training.profiles import profile
from training.profiles.profile import ColumnProfile

VALUES = np.random.default_rng(0).normal(1e6, 3, 10_000)


def profiled(feature, *parts: list[object], dtype=None) -> ColumnProfile:
    profiler = ColumnProfiler(type_of(feature))
    for part in parts:
        profiler.add(pl.Series(part, dtype=dtype))
    return profiler.profile()


@pytest.fixture(scope="module")
def numbers() -> ColumnProfile:
    return profiled(Number(name="a", type="number"), *np.array_split(VALUES, 7))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rows", 10_000),
        ("minimum", VALUES.min()),
        ("maximum", VALUES.max()),
        ("mean", VALUES.mean()),
        ("std", VALUES.std(ddof=1)),
    ],
)
def test_measures_are_those_of_all_parts(numbers: ColumnProfile, name: str, expected: float) -> None:
    assert getattr(numbers, name) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("name", "share"), [("p05", 0.05), ("median", 0.5), ("p95", 0.95)])
def test_quantiles_are_near(numbers: ColumnProfile, name: str, share: float) -> None:
    assert getattr(numbers, name) == pytest.approx(np.quantile(VALUES, share), abs=np.ptp(VALUES) / 512)


def test_the_median_of_integers_is_one_of_them() -> None:
    assert profiled(Integer(name="a", type="integer"), [0] * 9 + [1]).median == 0


def test_missing_values_are_counted() -> None:
    assert profiled(Number(name="a", type="number"), [1.0, None], [None, 2.0]).missing == 2


def test_a_column_without_values_has_no_measures() -> None:
    assert profiled(Number(name="a", type="number"), [None], dtype=pl.Float64).mean is None


def test_one_value_has_no_deviation() -> None:
    assert profiled(Number(name="a", type="number"), [1.0]).std is None


def test_values_are_counted_commonest_first() -> None:
    found = profiled(Category(name="a", type="category"), ["x", "y"], ["y", "z", None])
    assert (found.values, found.counts) == (("y", "x", "z"), (2, 1, 1))


def test_booleans_are_counted() -> None:
    found = profiled(Boolean(name="a", type="boolean"), [True, False, True])
    assert (found.values, found.counts) == (("true", "false"), (2, 1))


def test_too_many_values_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "MOST_VALUES", 2)
    found = profiled(Category(name="a", type="category"), ["x", "x", "y"], ["z", "x", "w"])
    assert (found.counts, found.other_values) == ((3, 1), 2)
