"""What a body may hold is told before it is decoded."""

import gzip
import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgi_client import make_client
from bundles import HOUSING_ROW, PENGUIN_ROWS
from running_server import JSON

from molino.contracts.pointer import bundle_path
from serving.http.problems import Problem
from serving.inference.binary_tensors import attach
from serving.inference.bounds import PIECE_BYTES, count_outside_texts
from serving.inference.model import Model, load_bundle
from serving.settings import ServingSettings

BYTES = 4_000_000
MOST_GROWTH = 64 * 2**20
FULL = {
    "rows": b'{"data":[%b]}',
    "records": b'{"records":[%b]}',
    "one row": b'{"data":[[%b]]}',
    "another key": b'{"x":[%b]}',
    "nothing but a list": b"[%b]",
    "after a text": b'{"x":"\\\\\\"[,","data":[%b]}',
}
ITEMS = [b"{}", b"1.5", b'""', b"[[]]", json.dumps(HOUSING_ROW).encode()]


@pytest.fixture(scope="module")
def housing(releases: Path) -> Model:
    return load_bundle(bundle_path(releases, "housing", "1"))


def full_of(form: bytes, item: bytes) -> bytes:
    return form % b",".join([item] * (BYTES // (len(item) + 1)))


@pytest.mark.parametrize("start", [b"[", b'{"data":', b'{"data":[[1],', b'[{"a":['])
def test_a_body_that_only_nests_is_told_so(housing: Model, start: bytes) -> None:
    with pytest.raises(Problem, match="400 the body is nested too deeply"):
        housing.read(start * 200_000)


@pytest.mark.parametrize(
    ("form", "item"), [*((form, b"[]") for form in FULL.values()), *((FULL["rows"], item) for item in ITEMS)]
)
def test_a_body_of_too_many_values_is_refused_before_it_is_decoded(housing: Model, form: bytes, item: bytes) -> None:
    body = full_of(form, item)
    tracemalloc.start()
    try:
        with pytest.raises(Problem, match="422 the body holds more than 10000 rows of 13 features"):
            housing.read(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < MOST_GROWTH


@pytest.mark.parametrize("path", ["/models/housing/predict", "/models/housing/explain", "/v2/models/housing/infer"])
def test_so_is_a_packed_one_by_each_route(releases: Path, path: str) -> None:
    client = make_client(ServingSettings(home=releases))
    body = gzip.compress(full_of(b'{"inputs":[%b]}', b"[]"), 1)
    answer = client.post(path, data=body, headers={**JSON, "Content-Encoding": "gzip"})

    assert (answer.status_code, "holds more than 10000 rows" in answer.json["detail"]) == (422, True)


@pytest.mark.parametrize("datatype", ["INT8", "FP16", "FP64", "BYTES"])
def test_binary_values_are_no_more_than_the_model_takes(datatype: str) -> None:
    tensor = {"name": "x", "datatype": datatype, "parameters": {"binary_data_size": BYTES}}
    tracemalloc.start()
    try:
        with pytest.raises(Problem, match="more than the 130000 values"):
            attach([tensor], memoryview(bytes(BYTES)), 130_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < MOST_GROWTH / 8


def test_commas_and_brackets_in_texts_are_no_values(releases: Path) -> None:
    penguins = load_bundle(bundle_path(releases, "penguins", "1"))
    wrong = ["Dream" + "[,{" * 500_000, *PENGUIN_ROWS[0][1:]]

    with pytest.raises(Problem, match="row 0, feature island"):
        penguins.read(json.dumps({"data": [wrong]}).encode())


def test_as_many_rows_as_there_may_be_are_answered_in_each_form(releases: Path) -> None:
    client = make_client(ServingSettings(home=releases))
    rows = [HOUSING_ROW] * 10_000
    nested = {"name": "features", "shape": [10_000, 13], "datatype": "FP32", "data": rows}
    columns = [
        {"name": f"{name}", "shape": [10_000, 1], "datatype": datatype, "data": [[value]] * 10_000}
        for (name, datatype), value in zip(penguin_tensors(client), PENGUIN_ROWS[0], strict=True)
    ]
    asked: list[tuple[str, dict[str, Any]]] = [
        ("/models/housing/predict", {"data": rows}),
        ("/v2/models/housing/infer", {"inputs": [nested]}),
        ("/v2/models/penguins/infer", {"inputs": columns}),
    ]

    assert [client.post(path, json=body, headers=JSON).status_code for path, body in asked] == [200] * 3


def penguin_tensors(client: Any) -> Iterator[tuple[str, str]]:
    for tensor in client.get("/v2/models/penguins", headers=JSON).json["inputs"]:
        yield tensor["name"], tensor["datatype"]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_counted_is_what_json_reads(seed: int) -> None:
    chance = random.Random(seed)
    texts = ["", ",", "[", '"', "\\", '\\",', "é[{", "\\\\" * 3, 'a"b,c', "," * (PIECE_BYTES // 40)]
    content = [chance.choice([chance.choice(texts), {chance.choice(texts): []}, [1, 2], {}, 1]) for _ in range(200)]
    commas = opened = 0

    def look(value: Any) -> None:
        nonlocal commas, opened
        if isinstance(value, list | dict):
            opened += 1
            commas += max(0, len(value) - 1)
            for inner in value.values() if isinstance(value, dict) else value:
                look(inner)

    look(content)
    *_, counted = count_outside_texts(json.dumps(content, ensure_ascii=chance.random() < 0.5).encode())
    assert counted == (commas, opened, opened)
