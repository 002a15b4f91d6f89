"""One rule for what is the same text, on both ways into a graph: a CSV through ingest, a request through serving."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import onnx
import polars as pl
import pytest
from bundles import OPSET, write_bundle
from onnx import TensorProto, helper
from running_server import RunningServer, run_server

from molino.contracts.model_file import ModelFile
from molino.contracts.pointer import write_pointer
from molino.contracts.release import Score, Signature, Tensor
from molino.contracts.tidy import BLANKS, composed, tidied
from training.ingest.cleaning import Cleaner
from training.ingest.csv_source import CsvSource

CITIES = ("Köln", "Mitte", "Zürich Nord")
KINDS = ("flat", "maison à louer")
SPELLINGS = [
    pytest.param(form.format(unicodedata.normalize(unicode, city)), id=f"{name} {unicode} {city}")
    for city in CITIES
    for unicode in ("NFC", "NFD")
    for name, form in (
        ("plain", "{}"), ("before", " {}"), ("after", "{}  "), ("tab", "\t{}\t"), ("line end", "{}\n"),
        ("no-break space", "\xa0{}\u202f"), ("ideographic", "\u3000{}"), ("separator", "\x1c{}\x85"),
    )
]  # fmt: skip


def model(unseen: str) -> ModelFile:
    return ModelFile.model_validate(
        {
            "name": f"unseen-{unseen}", "title": "Flats", "task": "regression",
            "source": {"uri": "flats.csv"}, "target": {"name": "rent"},
            "features": [
                {"name": "city", "type": "category", "values": list(CITIES), "unseen": unseen},
                {"name": "kind", "type": "category", "missing": "impute", "unseen": "other", "values": list(KINDS)},
            ],
            "candidates": [{"name": "linear", "kind": "linear"}], "metric": "rmse",
        },
        strict=False,
    )  # fmt: skip


def graph() -> onnx.ModelProto:
    """Return a graph whose answer is ten times the city's position and the kind's, -1 of what it doesn't know."""
    nodes = [
        helper.make_node(
            "LabelEncoder", [name], [f"{name}_code"], domain="ai.onnx.ml",
            keys_strings=values, values_floats=[float(index * scale) for index in range(len(values))],
            default_float=-float(scale),
        )
        for name, values, scale in (("city", CITIES, 10), ("kind", KINDS, 1))
    ]  # fmt: skip
    nodes.append(helper.make_node("Add", ["city_code", "kind_code"], ["prediction"]))
    inputs = [helper.make_tensor_value_info(name, TensorProto.STRING, [None]) for name in ("city", "kind")]
    outputs = [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None])]
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(
        helper.make_graph(nodes, "graph", inputs, outputs), opset_imports=opsets, ir_version=8
    )  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    home = tmp_path_factory.mktemp("served")
    signature = Signature(
        layout="columns",
        inputs=tuple(Tensor(name=name, dtype="string", shape=(-1,)) for name in ("city", "kind")),
        outputs=(Tensor(name="prediction", dtype="float32", shape=(-1,)),),
    )
    for unseen in ("refuse", "other"):
        scores = {"rmse": Score(value=1.0, low=1.0, high=1.0)}
        write_bundle(home, model(unseen), "1", graph(), signature, [(CITIES[0], KINDS[0])], scores, {})
    write_pointer(home, {"unseen-refuse": "1", "unseen-other": "1"})
    with run_server(home, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


def ingested(cell: str, unseen: str) -> pl.DataFrame:
    """Return the clean rows of a CSV of one row."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["city", "kind", "rent"], [cell, KINDS[1], "1"]])
    described = model(unseen)
    source = CsvSource(io.BytesIO(text.getvalue().encode()), described, "flats.csv")
    (batch,) = source.batches()
    return Cleaner(described).clean(batch).clean


def asked(server: RunningServer, unseen: str, *row: str | None) -> Any:
    return server.ask("POST", f"/models/unseen-{unseen}/predict", json.dumps({"data": [row]}).encode()).json


@pytest.mark.parametrize("unseen", ["refuse", "other"])
@pytest.mark.parametrize("cell", SPELLINGS)
def test_a_spelling_is_the_same_value_in_ingest_and_in_a_request(served: RunningServer, cell: str, unseen: str) -> None:
    (value,) = ingested(cell, unseen)["city"]
    assert asked(served, unseen, cell, KINDS[1])["predictions"] == [10 * CITIES.index(value) + 1]


@pytest.mark.parametrize("cell", SPELLINGS)
def test_so_it_is_by_the_open_inference_protocol(served: RunningServer, cell: str) -> None:
    tensors = [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [value]}
        for name, value in (("city", cell), ("kind", f" {KINDS[1]}"))
    ]
    body = json.dumps({"inputs": tensors}).encode()
    said = served.ask("POST", "/v2/models/unseen-other/infer", body).json
    assert said["outputs"][0]["data"] == [10 * CITIES.index(ingested(cell, "other")["city"][0]) + 1]


@pytest.mark.parametrize("blank", ["", " ", "\t \xa0"])
@pytest.mark.parametrize("unseen", ["refuse", "other"])
def test_a_blank_text_is_no_value_in_either(served: RunningServer, blank: str, unseen: str) -> None:
    assert ingested(blank, unseen).height == 0
    assert asked(served, unseen, blank, KINDS[0])["status"] == 422
    assert asked(served, unseen, CITIES[0], blank)["errors"][0]["detail"] == "an empty string is no value; use null"


def test_a_model_file_may_list_a_value_in_any_form() -> None:
    listed = [unicodedata.normalize("NFD", city) for city in CITIES]
    content = model("refuse").model_dump(mode="json", exclude_defaults=True)
    content["features"][0]["values"] = listed
    assert ModelFile.model_validate(content, strict=False).features[0].values == CITIES  # type: ignore[attr-defined]


def test_the_blanks_are_those_of_python() -> None:
    assert set(BLANKS) == {chr(code) for code in range(0x110000) if chr(code).isspace()}


def test_a_tidy_text_is_left_as_it_is() -> None:
    assert [tidied(city) for city in CITIES] == [composed(city) for city in CITIES] == list(CITIES)
