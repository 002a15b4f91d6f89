from typing import Any

import pandas as pd
import polars as pl
import pytest

from molino.frames import FrameError, rows_of

RENAMED = [
    {"name": "x", "column": "area", "type": "number"},
    {"name": "area", "column": "Area (m2)", "type": "number"},
]


@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame])
def test_a_feature_called_as_the_column_of_another_has_its_own(kind: Any) -> None:
    assert rows_of(kind({"area": [1], "Area (m2)": [2]}), RENAMED) == [[1, 2]]
    assert rows_of(kind({"x": [1], "area": [2]}), RENAMED) == [[1, 2]]


@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame])
def test_blanks_around_a_name_are_no_part_of_it(kind: Any) -> None:
    assert rows_of(kind({" area": [1], "Area (m2)\t": [2]}), RENAMED) == [[1, 2]]


def test_two_columns_of_a_feature_s_name_are_refused() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["x", "area", "x"])
    with pytest.raises(FrameError, match=r"^the frame has 2 columns 'x'; give each a name of its own$"):
        rows_of(frame, RENAMED)
