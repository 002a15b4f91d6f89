import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bundles import HOUSING_ROW

from molino.client import Client, ClientError
from molino.contracts.errors import SourceError
from molino.contracts.model_file import Source
from molino.predict_csv import PLAIN, Predicted, predict_csv

HOUSING = ("crim", "zn", "indus", "chas", "nox", "rm", "age", "dis", "rad", "tax", "ptratio", "b", "lstat")
PENGUINS = ("island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "predicted.csv"


def houses(tmp_path: Path, count: int = 3, **changes: Any) -> Path:
    """Write a CSV of houses; `changes` are cells of its second row."""
    rows = [dict(zip(HOUSING, HOUSING_ROW, strict=True)) for _ in range(count)]
    rows[1].update(changes)
    return written(tmp_path / "houses.csv", HOUSING, rows)


def written(path: Path, header: tuple[str, ...], rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
    return path


def predict(
    api: Client, source: Path, target: Path, model: str = "housing", batch: int = 10, form: Source = PLAIN
) -> tuple[Predicted, list[str]]:
    told: list[str] = []
    return predict_csv(api, model, source, target, batch, told.append, form), told


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_gets_its_prediction(api: Client, tmp_path: Path, target: Path) -> None:
    done, _ = predict(api, houses(tmp_path, 25), target)
    assert (done.rows, done.predicted, done.version) == (25, 25, "1")
    assert all(float(row["prediction"]) for row in rows_of(target))


def test_the_prediction_is_that_of_the_api(api: Client, tmp_path: Path, target: Path) -> None:
    predict(api, houses(tmp_path), target)
    asked = api.post("/models/housing/predict", {"data": [HOUSING_ROW]})["predictions"]
    assert float(rows_of(target)[0]["prediction"]) == pytest.approx(asked[0])


def test_columns_of_the_source_are_kept(api: Client, tmp_path: Path, target: Path) -> None:
    row = {**dict(zip(HOUSING, HOUSING_ROW, strict=True)), "id": "a7"}
    predict(api, written(tmp_path / "ids.csv", ("id", *HOUSING), [row]), target)
    assert rows_of(target)[0]["id"] == "a7"


def test_columns_may_have_any_order(api: Client, tmp_path: Path, target: Path) -> None:
    predict(api, houses(tmp_path), target)
    row = dict(zip(HOUSING, HOUSING_ROW, strict=True))
    turned = tmp_path / "turned.csv"
    predict(api, written(tmp_path / "in.csv", HOUSING[::-1], [row]), turned)
    assert rows_of(turned)[0]["prediction"] == rows_of(target)[0]["prediction"]


def test_names_of_the_header_may_have_blanks_around_them(api: Client, tmp_path: Path, target: Path) -> None:
    source = houses(tmp_path)
    header, rest = source.read_text().split("\n", 1)
    source.write_text(header.replace(",", " , ") + "\n" + rest)
    assert predict(api, source, target)[0].predicted == 3


def test_classes_come_with_probabilities(api: Client, tmp_path: Path, target: Path) -> None:
    bird = dict(zip(PENGUINS, ("Biscoe", 47.5, 15.0, 215, 5000, "female", 2008), strict=True))
    predict(api, written(tmp_path / "birds.csv", PENGUINS, [bird]), target, "penguins")
    found = rows_of(target)[0]
    shares = {name: float(found[f"probability_{name}"]) for name in ("Adelie", "Chinstrap", "Gentoo")}
    assert found["prediction"] == max(shares, key=lambda name: shares[name])


def test_a_missing_cell_is_imputed_where_the_model_does(api: Client, tmp_path: Path, target: Path) -> None:
    bird = dict(zip(PENGUINS, ("Biscoe", "NA", 15.0, "", 5000, "", 2008), strict=True))
    done, told = predict(api, written(tmp_path / "birds.csv", PENGUINS, [bird]), target, "penguins")
    assert (done.predicted, told) == (1, [])


def test_a_cell_means_no_value_where_the_model_file_says_so(api: Client, tmp_path: Path, target: Path) -> None:
    birds = [dict(zip(PENGUINS, ("Biscoe", cell, 15.0, 215, 5000, "", 2008), strict=True)) for cell in ("", "-999")]
    form = Source(uri="-", missing=("-999",))
    predict(api, written(tmp_path / "birds.csv", PENGUINS, birds), target, "penguins", form=form)
    first, second = (row["probability_Gentoo"] for row in rows_of(target))
    assert first == second


def test_a_value_that_does_not_mean_missing_is_asked_for(api: Client, tmp_path: Path, target: Path) -> None:
    bird = dict(zip(PENGUINS, ("NA", 47.5, 15.0, 215, 5000, "", 2008), strict=True))
    source = written(tmp_path / "birds.csv", PENGUINS, [bird])
    _, told = predict(api, source, target, "penguins", form=Source(uri="-", missing=()))
    assert told[0].endswith('got "NA"')


def test_cells_are_parted_as_the_model_file_says(api: Client, tmp_path: Path, target: Path) -> None:
    source = houses(tmp_path)
    source.write_text(source.read_text().replace(",", ";"))
    done, _ = predict(api, source, target, form=Source(uri="-", delimiter=";"))
    assert (done.predicted, target.read_text().splitlines()[0]) == (3, f"{';'.join(HOUSING)};prediction")


def test_an_integer_may_be_written_with_a_point(api: Client, tmp_path: Path, target: Path) -> None:
    done, told = predict(api, houses(tmp_path, chas="1.0"), target)
    assert (done.predicted, told) == (3, [])


@pytest.mark.parametrize("cell", ["six", "", "nan", "inf", "1e999", "6_0"])
def test_a_wrong_cell_is_named(api: Client, tmp_path: Path, target: Path, cell: str) -> None:
    source = houses(tmp_path, rm=cell)
    _, told = predict(api, source, target)
    assert [fault.split(": ")[:2] for fault in told] == [[f"{source}:3", "rm"]]


def test_the_rows_beside_a_wrong_one_are_predicted(api: Client, tmp_path: Path, target: Path) -> None:
    predict(api, houses(tmp_path, rm="six"), target)
    assert [bool(row["prediction"]) for row in rows_of(target)] == [True, False, True]


def test_a_short_row_is_named(api: Client, tmp_path: Path, target: Path) -> None:
    source = houses(tmp_path, 2)
    source.write_text(source.read_text() + "0.1,25\n")
    done, told = predict(api, source, target)
    assert done.predicted == 2
    assert told[0].startswith(f"{source}:4: indus: ")


def test_rows_over_the_model_s_limit_are_sent_in_parts(api: Client, tmp_path: Path, target: Path) -> None:
    done, _ = predict(api, houses(tmp_path, 180), target, batch=180)
    assert done.predicted == 180


def test_a_missing_feature_is_named(api: Client, tmp_path: Path, target: Path) -> None:
    (tmp_path / "short.csv").write_text("crim,zn\n1,2\n")
    with pytest.raises(SourceError, match=r"short\.csv:1: the model's features indus, chas"):
        predict(api, tmp_path / "short.csv", target)


def test_an_empty_file_is_refused(api: Client, tmp_path: Path, target: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(SourceError, match="the file is empty"):
        predict(api, tmp_path / "empty.csv", target)


def test_a_broken_encoding_is_refused(api: Client, tmp_path: Path, target: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(",".join(HOUSING).encode() + b"\n\xff\xfe\n")
    with pytest.raises(SourceError, match="not a CSV in UTF-8"):
        predict(api, tmp_path / "latin.csv", target)


def test_a_file_that_isn_t_there_is_named(api: Client, tmp_path: Path, target: Path) -> None:
    with pytest.raises(SourceError, match=r"nosuch\.csv: No such file or directory"):
        predict(api, tmp_path / "nosuch.csv", target)


def test_a_model_that_isn_t_served_is_an_error(api: Client, tmp_path: Path, target: Path) -> None:
    with pytest.raises(ClientError, match="no model is called 'nosuch'"):
        predict(api, houses(tmp_path), target, "nosuch")


def test_a_model_that_can_t_be_loaded_is_an_error(
    foreign: Callable[[bytes], str], tmp_path: Path, target: Path
) -> None:
    said = b'{"name": "housing", "failure": "version 2: damaged"}'
    url = foreign(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))
    with pytest.raises(ClientError, match="can't serve housing now: version 2: damaged"):
        predict(Client(url, "key"), houses(tmp_path), target)


def test_a_failure_leaves_what_was_there(api: Client, tmp_path: Path, target: Path) -> None:
    target.write_text("before")
    with pytest.raises(ClientError):
        predict(Client(api.url, "wrong"), houses(tmp_path), target)
    assert (target.read_text(), [path.name for path in tmp_path.iterdir()]) == (
        "before",
        ["houses.csv", "predicted.csv"],
    )
