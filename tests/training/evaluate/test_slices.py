"""The metrics of the rows of each value of a feature."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from mixed import model_of
from sklearn.metrics import mean_absolute_error

from molino.contracts.errors import ModelFileError
from training.evaluate.slices import slice_scores
from training.graphs.graph import Predictions

CITIES = ["Rome"] * 40 + ["Bari"] * 5 + [None] * 3
ACTUAL = np.arange(48.0)
PREDICTED = ACTUAL + np.where(np.arange(48) < 40, 1.0, -3.0)


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    path = tmp_path / "held_out.parquet"
    pl.DataFrame({"city": CITIES, "garden": [True, False] * 24}).write_parquet(path)
    return path


def test_each_value_has_its_rows_and_metrics_and_small_ones_are_marked(held_out: Path) -> None:
    found = slice_scores(held_out, ("city",), ACTUAL, Predictions(PREDICTED), 0)["city"]
    told = [(one.value, one.rows, one.small, one.scores["mae"].value) for one in found]
    assert told == [("Rome", 40, False, 1.0), ("Bari", 5, True, 3.0), (None, 3, True, 3.0)]


def test_a_boolean_parts_rows_too(held_out: Path) -> None:
    found = {one.value: one for one in slice_scores(held_out, ("garden",), ACTUAL, Predictions(PREDICTED), 0)["garden"]}
    assert found["true"].scores["mae"].value == pytest.approx(mean_absolute_error(ACTUAL[::2], PREDICTED[::2]))
    assert found["false"].scores["mae"].value == pytest.approx(mean_absolute_error(ACTUAL[1::2], PREDICTED[1::2]))


@pytest.mark.parametrize("name", ["size", "nothing"])
def test_only_categories_and_booleans_part_rows(name: str) -> None:
    with pytest.raises(ModelFileError, match=r"slices.*expected one of garden, colour, street"):
        model_of("regression", slices=[name])
