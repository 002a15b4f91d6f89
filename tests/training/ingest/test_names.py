"""Columns of any name, classes of any text: what a source calls things is no reason to refuse it."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tables import Homes, model_content

from molino.contracts.errors import SourceError
from molino.contracts.model_file import ModelFile

FEATURES = [
    {"name": "acidity", "column": "fixed acidity", "type": "number"},
    {"name": "alcohol_pct", "column": "alcohol.%", "type": "number"},
]
ROWS = ("1,2,3", "4,5,6")


def clean(homes: Homes) -> pl.DataFrame:
    homes.ingest()
    return pl.read_parquet(homes.artifact("clean.parquet"))


def of(folder: Path, header: str, *rows: str, **changes: Any) -> Homes:
    data = "".join(f"{row}\n" for row in (header, *rows)).encode()
    return Homes(folder, data, **{"features": FEATURES, "target": {"name": "price"}} | changes)


def test_a_column_of_any_name_is_called_as_its_feature(tmp_path: Path) -> None:
    found = clean(of(tmp_path, "alcohol.%,fixed acidity,price", *ROWS))
    assert found.rows(named=True)[0] == {"acidity": 2.0, "alcohol_pct": 1.0, "price": 3.0}


def test_the_target_may_have_a_column_of_another_name(tmp_path: Path) -> None:
    homes = of(tmp_path, "fixed acidity,alcohol.%,Prix (€)", *ROWS, target={"name": "price", "column": "Prix (€)"})
    assert clean(homes)["price"].to_list() == [3.0, 6.0]


@pytest.mark.parametrize("name", ["^.*$", "a,b", 'the "best"', "year\\n", "prediction", "*", "ü", "0", "true"])
def test_a_name_means_nothing_but_itself(tmp_path: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    features = [{"name": "a", "column": name, "type": "number"}]
    assert clean(of(tmp_path, f"x,{quoted},price", *ROWS, features=features))["a"].to_list() == [2.0, 5.0]


@pytest.mark.parametrize("name", ["^.*$", "a,b", "*", "ü"])
def test_so_it_does_in_a_parquet_file(tmp_path: Path, name: str) -> None:
    features = [{"name": "a", "column": name, "type": "number"}]
    homes = Homes(tmp_path, name="homes.parquet", features=features, target={"name": "price"})
    pl.DataFrame({"x": [[1], [4]], name: [2, 5], "price": [3, 6]}).write_parquet(homes.source)
    assert clean(homes).rows() == [(2.0, 3.0), (5.0, 6.0)]


@pytest.mark.parametrize("header", ["fixed acidity,alcohol.%,price,,", "fixed acidity,alcohol.%,price,x,x"])
def test_unused_columns_may_have_any_name_or_none(tmp_path: Path, header: str) -> None:
    assert len(clean(of(tmp_path, header, "1,2,3,,", "4,5,6,,"))) == 2


def test_an_unused_column_may_be_called_as_a_feature(tmp_path: Path) -> None:
    found = clean(of(tmp_path, "acidity,fixed acidity,alcohol.%,price", "x,1,2,3", "y,4,5,6"))
    assert found["acidity"].to_list() == [1.0, 4.0]


def test_a_missing_column_is_told_by_its_name_in_the_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no column 'fixed acidity'; the columns are acidity, alcohol"):
        of(tmp_path, "acidity,alcohol.%,price", *ROWS).ingest()


def test_a_used_column_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="names column 'fixed acidity' twice"):
        of(tmp_path, "fixed acidity,fixed acidity,alcohol.%,price", "1,1,2,3").ingest()


def test_names_are_compared_composed_and_without_blanks(tmp_path: Path) -> None:
    features = [{"name": "size", "column": unicodedata.normalize("NFC", "Größe"), "type": "number"}]
    header = unicodedata.normalize("NFD", " Größe ,price")
    assert clean(of(tmp_path, header, "1,2", features=features)).rows() == [(1.0, 2.0)]


@pytest.mark.parametrize("word", ["<=50K", "yes, please", "ja/nein", "ü", "1", "(a)", "50 %", "日本"])
def test_a_class_is_any_text(tmp_path: Path, word: str) -> None:
    target = {"name": "price", "classes": ["no", word]}
    homes = of(tmp_path, "fixed acidity,alcohol.%,price", f'1,2,"{word}"', "1,2,no", task="classification",
               metric="accuracy", target=target)  # fmt: skip
    assert clean(homes)["price"].to_list() == [word, "no"]


@pytest.mark.parametrize("listed", [True, False])
def test_a_value_is_the_same_however_its_characters_are_composed(tmp_path: Path, listed: bool) -> None:
    composed, taken_apart = (unicodedata.normalize(form, "Zürich") for form in ("NFC", "NFD"))
    feature = {"name": "city", "type": "category"} | ({"values": [taken_apart]} if listed else {})
    homes = of(tmp_path, "city,price", f"{composed},1", f" {taken_apart} ,2", features=[feature])
    assert clean(homes)["city"].to_list() == [composed, composed]


CONTRADICTIONS = {
    "two features of one column": ({"features": [*FEATURES, {**FEATURES[0], "name": "b"}]}, "is 'acidity' already"),
    "a feature of the target's column": ({"target": {"name": "y", "column": "fixed acidity"}}, "is 'acidity' already"),
    "blanks around a name": ({"target": {"name": "y", "column": " y"}}, "expected 'y'"),
    "a split by what is called otherwise": (
        {"split": {"kind": "group", "column": "fixed acidity"}},
        "is called 'acidity' here",
    ),
}


@pytest.mark.parametrize(("changes", "problem"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_names_that_contradict_each_other_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ModelFile.model_validate_json(json.dumps(model_content(**{"features": FEATURES} | changes)))


def test_rows_may_be_split_by_a_column_of_any_name(tmp_path: Path) -> None:
    homes = of(tmp_path, "fixed acidity,alcohol.%,price,the day", "1,2,3,2020-01-01",
               split={"kind": "time", "column": "the day"})  # fmt: skip
    assert clean(homes)["the day"].to_list() == ["2020-01-01"]


def test_rows_without_a_target_are_left_out_where_the_model_file_says_so(tmp_path: Path) -> None:
    target = {"name": "price", "missing": "drop"}
    homes = of(tmp_path, "fixed acidity,alcohol.%,price", "1,2,3", "1,2,", "1,2,NA", target=target)
    result = homes.ingest().result
    assert (result["rows_clean"], result["rows_dropped"], result["rows_quarantined"]) == (1, 2, 0)
