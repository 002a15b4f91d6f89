from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from training.examples import typical_rows

DATA = Path(__file__).resolve().parents[2] / "pipelines" / "models"


def equal_rows(made: pl.DataFrame, rows: pl.DataFrame) -> int:
    return len(made.join(rows, on=rows.columns, how="semi", nulls_equal=True))


def generated(rows: int) -> pl.DataFrame:
    random = np.random.default_rng(0)
    return pl.DataFrame({
        "area": random.normal(50, 10, rows),
        "rooms": random.integers(1, 9, rows),
        "city": random.choice(["Rome", "Oslo", "Bonn"], rows),
        "sold": [date(2020, 1, 1 + int(day)) for day in random.integers(0, 28, rows)],
        "garden": random.random(rows) < 0.3,
    })  # fmt: skip


@pytest.mark.parametrize("name", ["housing", "penguins"])
def test_no_row_is_of_the_data(name: str) -> None:
    rows = pl.read_csv(DATA / name / f"{name}.csv", null_values=["NA"])
    made = typical_rows(rows, 5)
    assert (len(made), equal_rows(made, rows)) == (5, 0)


@pytest.mark.parametrize("rows", [2, 7, 500])
def test_no_mixture_is_of_the_data(rows: int) -> None:
    data = generated(rows)
    assert equal_rows(typical_rows(data, 5), data) == 0


def test_values_are_of_the_range_and_kind_of_the_data() -> None:
    data = generated(500)
    made = typical_rows(data, 5)
    assert made.schema == data.schema
    for column in made.iter_columns():
        known = data[column.name]
        assert known.min() <= column.min()  # type: ignore[operator]
        assert column.max() <= known.max()  # type: ignore[operator]
    assert set(made["city"]) <= {"Rome", "Oslo", "Bonn"}


def test_the_same_rows_give_the_same_examples() -> None:
    assert typical_rows(generated(500), 5).equals(typical_rows(generated(500), 5))


def test_missing_values_are_left_out() -> None:
    made = typical_rows(pl.DataFrame({"a": [None, 1.0, float("nan"), 3.0], "b": ["x", None, "y", "z"]}), 5)
    assert made.null_count().row(0) == (0, 0)
    assert not made["a"].is_nan().any()


def test_a_column_without_values_stays_so() -> None:
    made = typical_rows(pl.DataFrame({"a": [1.5, 2.5, 4.0], "b": pl.Series([None] * 3, dtype=pl.String)}), 2)
    assert made["b"].to_list() == [None, None]


def test_categories_of_few_values_are_given_though_they_are_rows() -> None:
    rows = pl.DataFrame({"a": ["x", "y"]})
    assert sorted(typical_rows(rows, 5)["a"].to_list()) == ["x", "y"]
