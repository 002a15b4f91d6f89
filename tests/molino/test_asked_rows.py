from pathlib import Path
from typing import Any

import polars as pl
import pytest

from molino.asked_rows import open_asked
from molino.contracts.errors import SourceError
from molino.predict_csv import PLAIN

WINES: list[dict[str, Any]] = [
    {"name": "acidity", "column": "fixed acidity", "type": "number", "missing": "refuse"},
    {"name": "colour", "column": None, "type": "category", "missing": "impute", "values": ["red", "white"]},
]


def asked(tmp_path: Path, text: str, served: list[dict[str, Any]] = WINES) -> list[list[Any]]:
    path = tmp_path / "wines.csv"
    path.write_text(text)
    with open_asked(path, served, PLAIN, "wines.csv", tmp_path, 1000) as source:
        return [row for part in source.rows(2) for row in part.values]


@pytest.mark.parametrize("header", ["fixed acidity,colour", "acidity, colour", "colour2,colour ,fixed acidity "])
def test_a_column_is_called_as_in_the_source_or_as_its_feature(tmp_path: Path, header: str) -> None:
    cells = {"fixed acidity": "7.4", "acidity": "7.4", "colour": " red ", "colour2": "x"}
    row = ",".join(cells[name.strip()] for name in header.split(","))
    assert asked(tmp_path, f"{header}\n{row}\n") == [[7.4, "red"]]


def test_of_both_names_the_source_s_is_taken(tmp_path: Path) -> None:
    assert asked(tmp_path, "acidity,fixed acidity\n1,7.4\n") == [[7.4, None]]


def test_a_feature_may_be_called_target(tmp_path: Path) -> None:
    served = [{"name": "target", "type": "category", "missing": "refuse", "values": ["a", "1"]}]
    assert asked(tmp_path, "target\n1\na\n", served) == [["1"], ["a"]]


def test_rows_come_in_order_whatever_their_number(tmp_path: Path) -> None:
    assert asked(tmp_path, "acidity\n" + "\n".join(map(str, range(7)))) == [[float(i), None] for i in range(7)]


def test_a_missing_column_is_named_as_the_source_has_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^wines\.csv:1: the model's features fixed acidity are missing"):
        asked(tmp_path, "colour\nred\n")


def test_a_type_of_a_later_version_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="feature a is of type 'sound', which this version of Molino doesn't know"):
        asked(tmp_path, "a\n1\n", [{"name": "a", "type": "sound"}])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_folders_give_columns_as_to_ingest(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "colour=red" / f"wines.{kind}"
    path.parent.mkdir()
    wines = pl.DataFrame({"acidity": [7.4, 7.5]})
    wines.write_csv(path) if kind == "csv" else wines.write_parquet(path)
    with open_asked(path, WINES, PLAIN, path.name, tmp_path, 1000) as source:
        (part,) = source.rows(2)
    assert part.values == [[7.4, "red"], [7.5, "red"]]
    assert part.frame.columns == ["acidity"]


def test_a_column_of_the_table_goes_before_that_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "colour=red"
    folder.mkdir()
    assert asked(folder, "acidity,colour\n7.4,white\n") == [[7.4, "white"]]
