import csv
import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import polars as pl
import pytest
from bundles import HOUSING_ROW
from running_server import run_server

from molino.client import Client, ClientError
from molino.contracts.errors import SourceError
from molino.contracts.model_file import Source
from molino.contracts.pointer import write_pointer
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


def test_lines_may_end_as_on_old_macs(api: Client, tmp_path: Path, target: Path) -> None:
    source, mac = houses(tmp_path), tmp_path / "mac.csv"
    mac.write_bytes(source.read_bytes().replace(b"\r\n", b"\r"))
    predict(api, mac, target)
    predicted = target.read_bytes()
    predict(api, source, target)
    assert target.read_bytes() == predicted


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


FORMS = {
    "decimal comma": (
        {"delimiter": ";", "decimal": ","},
        lambda text: text.replace(",", ";").replace(".", ",").encode(),
    ),
    "utf-16": ({"encoding": "utf-16"}, lambda text: text.encode("utf-16")),
    "lines before the header": ({"skip_lines": 2}, lambda text: f"exported\n2026\n{text}".encode()),
    "no header": ({"header": HOUSING}, lambda text: text.partition("\n")[2].encode()),
    "blanks between": ({}, lambda text: text.replace(",", " , ").encode()),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_csv_is_read_as_the_model_file_says(api: Client, tmp_path: Path, target: Path, name: str) -> None:
    given, write = FORMS[name]
    source, plain = houses(tmp_path), tmp_path / "plain.csv"
    predict(api, source, plain)
    source.write_bytes(write(source.read_text()))
    form = Source.model_validate({"uri": "-", **given}, strict=False)
    done, told = predict(api, source, target, form=form)
    found = pl.read_csv(target, separator=form.delimiter)["prediction"]
    assert (done.predicted, told, found.to_list()) == (3, [], pl.read_csv(plain)["prediction"].to_list())


def test_an_integer_may_be_written_with_a_point(api: Client, tmp_path: Path, target: Path) -> None:
    done, told = predict(api, houses(tmp_path, chas="1.0"), target)
    assert (done.predicted, told) == (3, [])


def test_a_number_with_a_fraction_is_no_integer(api: Client, tmp_path: Path, target: Path) -> None:
    birds = [["Biscoe", 40, 18, flipper, 4000, "male", 2008] for flipper in (200, 200.5, "inf")]
    rows = [dict(zip(PENGUINS, bird, strict=True)) for bird in birds]
    done, told = predict(api, written(tmp_path / "birds.csv", PENGUINS, rows), target, "penguins")
    assert done.predicted == 1
    assert [line.partition(": ")[2] for line in told] == [
        "flipper_length_mm: expected an integer, got 200.5",
        'flipper_length_mm: expected an integer, got the string "inf"',
    ]


@pytest.mark.parametrize("cell", ["six", "", "nan", "inf", "1e999", "6_0"])
def test_a_wrong_cell_is_named(api: Client, tmp_path: Path, target: Path, cell: str) -> None:
    source = houses(tmp_path, rm=cell)
    _, told = predict(api, source, target)
    assert [fault.split(": ")[:2] for fault in told] == [[f"{source}:3", "rm"]]


def test_the_rows_beside_a_wrong_one_are_predicted(api: Client, tmp_path: Path, target: Path) -> None:
    predict(api, houses(tmp_path, rm="six"), target)
    assert [bool(row["prediction"]) for row in rows_of(target)] == [True, False, True]


@pytest.mark.parametrize(("row", "cells"), [("0.1,25", 2), (f"{','.join(map(str, HOUSING_ROW))},more", 14)])
def test_a_row_with_other_cells_than_the_header_is_refused_as_by_ingest(
    api: Client, tmp_path: Path, target: Path, row: str, cells: int
) -> None:
    source = houses(tmp_path, 2)
    source.write_text(source.read_text() + row + "\n")
    with pytest.raises(SourceError, match=rf"houses\.csv: row 3 has {cells} cells, but the header has 13"):
        predict(api, source, target)
    assert not target.exists()


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
    with pytest.raises(SourceError, match=r"latin\.csv: row 1 isn't UTF-8"):
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


def twice(tmp_path: Path, *names: str) -> Path:
    """Write a house whose last columns have these names."""
    source = tmp_path / "twice.csv"
    cells = [*HOUSING_ROW, *(f"cell {at}" for at in range(len(names)))]
    source.write_text("\n".join(",".join(map(str, row)) for row in [[*HOUSING, *names], cells]))
    return source


def test_a_feature_named_twice_is_refused(api: Client, tmp_path: Path, target: Path) -> None:
    with pytest.raises(SourceError, match="the header names column 'rm' twice"):
        predict(api, twice(tmp_path, "id", "rm"), target)


@pytest.mark.parametrize("names", [("", ""), ("id", "id"), ("id", "id", "id_15", "")])
def test_columns_that_are_not_asked_about_may_share_a_name(
    api: Client, tmp_path: Path, target: Path, names: tuple[str, ...]
) -> None:
    source = twice(tmp_path, *names)
    assert predict(api, source, target)[0].predicted == 1
    header, row = csv.reader(target.read_text().splitlines())
    assert (header[:-1], row[-len(names) - 1 : -1]) == ([*HOUSING, *names], [f"cell {at}" for at in range(len(names))])
    assert predict(api, source, tmp_path / "predicted.parquet")[0].predicted == 1
    assert len(pl.read_parquet(tmp_path / "predicted.parquet").columns) == len(header)


def test_a_column_of_predictions_is_not_overwritten(api: Client, tmp_path: Path, target: Path) -> None:
    row = {**dict(zip(HOUSING, HOUSING_ROW, strict=True)), "prediction": "old"}
    source = written(tmp_path / "old.csv", (*HOUSING, "prediction"), [row])
    with pytest.raises(SourceError, match="there is a column 'prediction' already"):
        predict(api, source, target)


def test_a_column_of_an_imputed_feature_may_be_left_out(api: Client, tmp_path: Path, target: Path) -> None:
    bird = dict(zip(PENGUINS, ("Biscoe", 47.5, 15.0, 215, 5000, "female", 2008), strict=True))
    del bird["sex"]
    done, told = predict(api, written(tmp_path / "birds.csv", tuple(bird), [bird]), target, "penguins")
    assert (done.predicted, told, "sex" in rows_of(target)[0]) == (1, [], False)


def test_gzip_is_read_and_written(api: Client, tmp_path: Path, target: Path) -> None:
    source, packed = houses(tmp_path), tmp_path / "predicted.csv.gz"
    (tmp_path / "houses.csv.gz").write_bytes(gzip.compress(source.read_bytes()))
    predict(api, source, target)
    predict(api, tmp_path / "houses.csv.gz", packed)
    assert gzip.decompress(packed.read_bytes()) == target.read_bytes()


@pytest.mark.parametrize("packed", [False, True])
def test_parquet_keeps_its_types(api: Client, tmp_path: Path, packed: bool) -> None:
    columns = {name: [value] * 70 for name, value in zip(HOUSING, HOUSING_ROW, strict=True)}
    frame = pl.DataFrame({"id": range(70), **columns, "more": [["a"]] * 70})
    source, target = tmp_path / "houses.parquet", tmp_path / "predicted.parquet"
    frame.write_parquet(source)
    if packed:
        source.write_bytes(gzip.compress(source.read_bytes()))
    predict(api, source, target)
    found = pl.read_parquet(target)
    assert found.drop("prediction").equals(frame)
    assert (found["prediction"].dtype, found["prediction"].null_count()) == (pl.Float64, 0)


def test_a_csv_becomes_parquet(api: Client, tmp_path: Path, target: Path) -> None:
    source = houses(tmp_path, rm="six")
    predict(api, source, target)
    predict(api, source, tmp_path / "predicted.parquet")
    found = pl.read_parquet(tmp_path / "predicted.parquet")
    assert found["prediction"].is_null().to_list() == [False, True, False]
    assert found["prediction"][0] == float(rows_of(target)[0]["prediction"])


def test_a_table_without_rows_gives_its_header(api: Client, tmp_path: Path, target: Path) -> None:
    source = written(tmp_path / "none.csv", HOUSING, [])
    assert predict(api, source, target)[0].rows == 0
    assert target.read_text() == ",".join([*HOUSING, "prediction"]) + "\n"


def test_a_fifo_is_read_and_written_and_stays(api: Client, tmp_path: Path, target: Path) -> None:
    source, into, out = houses(tmp_path), tmp_path / "in", tmp_path / "out"
    os.mkfifo(into)
    os.mkfifo(out)
    predict(api, source, target)
    with ThreadPoolExecutor(3) as pool:
        pool.submit(into.write_bytes, source.read_bytes())
        read = pool.submit(out.read_bytes)
        predict(api, into, out)
    assert read.result() == target.read_bytes()
    assert into.is_fifo()
    assert out.is_fifo()


def test_a_device_is_written_to_and_stays(api: Client, tmp_path: Path) -> None:
    predict(api, houses(tmp_path), Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


def test_a_link_leads_on_where_it_did(api: Client, tmp_path: Path, target: Path) -> None:
    real = tmp_path / "real" / "predicted.csv"
    real.parent.mkdir()
    real.write_text("before")
    target.symlink_to(real)
    predict(api, houses(tmp_path), target)
    assert target.is_symlink()
    assert len(rows_of(real)) == 3


def test_a_file_keeps_its_mode(api: Client, tmp_path: Path, target: Path) -> None:
    target.write_text("before")
    target.chmod(0o640)
    predict(api, houses(tmp_path), target)
    assert (target.stat().st_mode & 0o777, len(rows_of(target))) == (0o640, 3)


def test_a_folder_is_no_target(api: Client, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder; name a file in it"):
        predict(api, houses(tmp_path), tmp_path)


@pytest.fixture
def environment(api: Client) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOLINO_")}
    return {**kept, "MOLINO_SERVING_URL": api.url, "MOLINO_API_KEY": api.api_key}


def molino_predict(environment: dict[str, str], *arguments: str, given: bytes = b"") -> "CompletedProcess[bytes]":
    command = [sys.executable, "-m", "molino", "predict", *arguments, "--model", "housing"]
    return subprocess.run(command, input=given, env=environment, capture_output=True, check=False)


def test_standard_input_and_output(api: Client, tmp_path: Path, target: Path, environment: dict[str, str]) -> None:
    source = houses(tmp_path)
    predict(api, source, target)
    ended = molino_predict(environment, "-", "-", given=source.read_bytes())
    assert (ended.returncode, ended.stdout) == (0, target.read_bytes())
    assert ended.stderr == b"3 of 3 rows predicted by housing version 1: -\n"


def test_a_wrong_cell_of_standard_input_is_named(tmp_path: Path, environment: dict[str, str]) -> None:
    ended = molino_predict(environment, "-", "-", given=houses(tmp_path, rm="six").read_bytes())
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"standard input:3: rm: expected a number")


def test_an_interrupted_run_leaves_what_was_there(
    home: Path, tmp_path: Path, target: Path, environment: dict[str, str]
) -> None:
    target.write_text("before")
    source = houses(tmp_path, 400)
    limits = {"MOLINO_SERVING_RATE_LIMIT": 3, "MOLINO_SERVING_RATE_WINDOW_SECONDS": 600}
    with run_server(home, tmp_path / "log", **limits) as server:
        asking = subprocess.Popen(
            [sys.executable, "-m", "molino", "predict", source, target, "--model", "housing", "--patience", "9999"],
            env={**environment, "MOLINO_SERVING_URL": server.url}, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # Tests in the background ignore it.
        )  # fmt: skip
        assert asking.stderr is not None
        assert ": 429: " in asking.stderr.readline()
        asking.send_signal(signal.SIGINT)
        asking.communicate(timeout=60)
    assert asking.returncode != 0
    assert target.read_text() == "before"
    assert list(tmp_path.glob(".*.part")) == []


def test_all_rows_are_predicted_by_one_version(
    home: Path, tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, again = houses(tmp_path, 120), tmp_path / "again.csv"
    with run_server(home, tmp_path / "log") as server:
        client = Client(server.url, "mercadolibre")
        ask, asked = Client.ask, []

        def deploying(self: Client, model: str, rows: Any, version: str | None, intervals: bool) -> Any:
            asked.append(version)
            if len(asked) == 2:
                write_pointer(home, {"housing": "2"})
                server.wait("version 2 is served", lambda: client.served() == {"housing": "2"})
            return ask(self, model, rows, version, intervals)

        monkeypatch.setattr(Client, "ask", deploying)
        done, told = predict(client, source, target, batch=50)
        assert (done.version, done.predicted) == ("2", 120)
        assert told[0].endswith("starting again")
        predict(client, source, again, batch=50)
    assert target.read_bytes() == again.read_bytes()
