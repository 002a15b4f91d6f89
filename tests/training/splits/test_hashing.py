import numpy as np
import polars as pl
import pytest

from training.splits.hashing import row_uniforms, uniforms

ROWS = pl.DataFrame({"a": [0.0, 1.5, None, -3.0], "b": ["x", "é", None, ""], "c": [True, False, True, None]})
PINNED = [0.7481814010543886, 0.15352579808366107, 0.922157699509558, 0.4581864526911906]


def drawn(rows, columns=("a", "b", "c"), seed=7):
    return row_uniforms(rows, columns, seed)


def test_what_a_row_gives_never_changes():
    # Another number would move rows between parts: champions would be judged by rows that they were trained on.
    assert drawn(ROWS).tolist() == PINNED


def test_a_row_gives_the_same_in_pieces_of_any_size():
    assert np.concatenate([drawn(ROWS[i : i + 1]) for i in range(4)]).tolist() == drawn(ROWS).tolist()


def test_the_order_of_the_columns_makes_no_difference():
    assert drawn(ROWS.select("c", "a", "b"), ("b", "c", "a")).tolist() == drawn(ROWS).tolist()


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int64, pl.Float32, pl.UInt16])
def test_the_width_of_a_type_makes_no_difference(dtype):
    numbers = pl.DataFrame({"a": [0.0, 1.0, 100.0]})
    assert drawn(numbers.cast(dtype), ["a"]).tolist() == drawn(numbers, ["a"]).tolist()


def test_text_kept_as_categories_makes_no_difference():
    assert drawn(ROWS.cast({"b": pl.Categorical}), ["b"]).tolist() == drawn(ROWS, ["b"]).tolist()


def test_minus_zero_is_zero():
    first, second = drawn(pl.DataFrame({"a": [0.0, -0.0]}), ["a"])
    assert first == second


def test_a_missing_number_is_like_another_missing_one():
    first, second = drawn(pl.DataFrame({"a": [None, float("nan")]}), ["a"])
    assert first == second


@pytest.mark.parametrize("values", [[0.0, None], ["", None], ["a", "b"], [1.0, -1.0], [1.0, 1.0 + 2**-52]])
def test_different_values_give_different_numbers(values):
    first, second = drawn(pl.DataFrame({"a": values}), ["a"])
    assert first != second


def test_values_in_other_columns_are_another_row():
    first, second = drawn(pl.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0]}), ["a", "b"])
    assert first != second


@pytest.mark.parametrize("frame", [pl.DataFrame({"a": range(100_000)}), pl.DataFrame({"a": map(str, range(100_000))})])
def test_rows_spread_evenly(frame):
    counts, _ = np.histogram(drawn(frame, ["a"]), bins=20, range=(0, 1))
    assert 4700 < counts.min() <= counts.max() < 5300


def test_seeds_are_independent():
    frame = pl.DataFrame({"a": range(100_000)})
    assert abs(np.corrcoef(drawn(frame, ["a"], 0), drawn(frame, ["a"], 1))[0, 1]) < 0.02


def test_streams_of_a_seed_are_independent():
    correlation = np.corrcoef(uniforms(0, 100_000, 0), uniforms(0, 100_000, 0, stream=1))[0, 1]
    assert abs(correlation) < 0.02


def test_positions_of_neighbouring_seeds_are_independent():
    assert abs(np.corrcoef(uniforms(0, 100_000, 0), uniforms(0, 100_000, 1))[0, 1]) < 0.02


def test_positions_give_the_same_in_pieces_of_any_size():
    pieces = np.concatenate([uniforms(start, 100, 4) for start in range(0, 1000, 100)])
    assert np.array_equal(uniforms(0, 1000, 4), pieces)


def test_numbers_stay_below_one():
    assert uniforms(0, 100_000, 2).max() < 1
