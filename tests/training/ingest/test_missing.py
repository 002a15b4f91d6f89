"""Words that mean no value, booleans as people write them, and values that Parquet has of another type."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tables import Homes

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file import load_model

NUMBER = {"name": "a", "type": "number", "missing": "impute"}
TRUTH = {"name": "a", "type": "boolean", "missing": "impute"}
WORD = {"name": "a", "type": "category", "missing": "impute"}


def column(folder: Path, feature: dict[str, Any], *cells: str, **source: Any) -> list[Any]:
    """Return the clean values of a column with these cells."""
    data = "".join(f'"{cell}",1\n' for cell in cells)
    changes = {"features": [feature], "target": {"name": "y"}, "source": {"uri": "homes.csv", **source}}
    homes = Homes(folder, f"a,y\n{data}".encode(), **changes)
    homes.ingest()
    return pl.read_parquet(homes.artifact("clean.parquet"))["a"].to_list()


@pytest.mark.parametrize(
    "word", ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "none", "-", "?", " ? "]
)
@pytest.mark.parametrize("feature", [NUMBER, WORD], ids=["number", "category"])
def test_usual_words_mean_no_value(tmp_path: Path, feature: dict[str, Any], word: str) -> None:
    first, second = column(tmp_path, feature, "7", word)
    assert (str(first), second) in (("7.0", None), ("7", None))


@pytest.mark.parametrize("cell", ["-999", "-999.0", "-9.99e2", " -999 "])
@pytest.mark.parametrize("beside", ["1", "x"])
def test_a_number_means_no_value_however_it_is_written(tmp_path: Path, cell: str, beside: str) -> None:
    found = column(tmp_path, NUMBER, "7", cell, *[beside] * (beside == "x"), missing=["-999"])
    assert found == [7.0, None]


@pytest.mark.parametrize("cell", ["nan", "NaN"])
def test_nan_means_no_value_beside_a_number_that_does(tmp_path: Path, cell: str) -> None:
    assert column(tmp_path, NUMBER, "7", cell, "-1.0", missing=["-1", cell]) == [7.0, None, None]


def test_words_that_are_given_take_the_place_of_the_usual_ones(tmp_path: Path) -> None:
    assert column(tmp_path, WORD, "x", "-", "none", missing=["x"]) == [None, "-", "none"]


def test_a_listed_value_is_one_though_it_is_a_usual_word(tmp_path: Path) -> None:
    assert column(tmp_path, {**WORD, "values": ["None", "x"]}, "None", "x", "null") == ["None", "x", None]


def test_a_listed_value_is_none_where_the_model_file_says_that_it_means_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"'None' is also in source\.missing"):
        column(tmp_path, {**WORD, "values": ["None", "x"]}, "x", missing=["None"])


@pytest.mark.parametrize(
    ("yes", "no"), [("Yes", "No"), ("J", "N"), ("ja", "nein"), ("T", "F"), ("TRUE", "FALSE"), ("1", "0"), ("y", "n")]
)
def test_truth_is_read_as_people_write_it(tmp_path: Path, yes: str, no: str) -> None:
    assert column(tmp_path, {"name": "a", "type": "boolean"}, yes, no) == [True, False]


@pytest.mark.parametrize(
    ("values", "feature", "found"),
    [
        ([1.0, 2.0, None], WORD, ["1", "2", None]),
        ([1.5, float("nan"), 3.0], WORD, ["1.5", None, "3"]),
        ([True, False, None], {**WORD, "values": ["True", "False"]}, ["True", "False", None]),
        ([True, False, None], WORD, ["true", "false", None]),
        ([-999.0, 7.0, None], NUMBER, [None, 7.0, None]),
        ([-999.0, 1.0, None], TRUTH, [None, True, None]),
        ([-999, 1, 0], TRUTH, [None, True, False]),
    ],
)
def test_a_parquet_column_is_read_as_its_feature(
    tmp_path: Path, values: list[Any], feature: dict[str, Any], found: list[Any]
) -> None:
    homes = Homes(
        tmp_path,
        name="homes.parquet",
        features=[feature],
        target={"name": "y"},
        source={"uri": "homes.parquet", "missing": ["", "-999"]},
    )
    pl.DataFrame({"a": values, "y": [1, 2, 3]}).write_parquet(homes.source)
    homes.ingest()
    assert pl.read_parquet(homes.artifact("clean.parquet"))["a"].to_list() == found
    assert load_model(homes.folder).file.source.missing_numbers == {-999.0}
