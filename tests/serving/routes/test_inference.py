"""The Open Inference Protocol, as a client from PyPI speaks it."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from bundles import HOUSING_ROW, PENGUIN_ROWS
from running_server import JSON, KEY, RunningServer
from werkzeug.test import Client

from serving.http.problems import Problem
from serving.inference.binary_tensors import attach

triton = pytest.importorskip("tritonclient.http", exc_type=ImportError)
triton_to_np_dtype = pytest.importorskip("tritonclient.utils", exc_type=ImportError).triton_to_np_dtype


@pytest.fixture
def inference(server: RunningServer) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


PENGUIN_NAMES = ["island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year"]
PENGUIN_DATATYPES = ["BYTES", "FP32", "FP64", "INT32", "INT64", "BYTES", "UINT16"]


def tensor(name: str, values: Any, datatype: str) -> Any:
    array = np.array(values, dtype=object if datatype == "BYTES" else np.float32)
    made = triton.InferInput(name, list(array.shape), datatype)
    return made.set_data_from_numpy(array, binary_data=False)


def test_the_server_is_live_and_ready(inference: Any) -> None:
    assert inference.is_server_live(dict(KEY))
    assert inference.is_server_ready(dict(KEY))


def test_a_model_is_ready_in_the_version_that_is_served(inference: Any) -> None:
    assert inference.is_model_ready("housing", "1", headers=dict(KEY))
    assert not inference.is_model_ready("housing", "7", headers=dict(KEY))


def test_metadata_names_the_tensors(inference: Any) -> None:
    told = inference.get_model_metadata("housing", headers=dict(KEY))

    assert told["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 13]}]


def test_a_matrix_is_answered_like_predict(inference: Any, server: RunningServer, housing_body: bytes) -> None:
    answer = inference.infer("housing", [tensor("features", [HOUSING_ROW], "FP32")], headers=dict(KEY))

    expected = server.ask("POST", "/predict", housing_body).json["predictions"]
    assert answer.as_numpy("prediction") == pytest.approx(expected, rel=1e-6)


def test_columns_are_answered_with_labels(inference: Any, server: RunningServer) -> None:
    names = ["island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "year"]
    columns = list(zip(*PENGUIN_ROWS[:2], strict=True))
    inputs = [
        tensor(name, column, "BYTES" if isinstance(column[0], str) else "FP32")
        for name, column in zip(names, columns, strict=True)
    ]
    answer = inference.infer("penguins", inputs, model_version="1", headers=dict(KEY))

    body = json.dumps({"data": PENGUIN_ROWS[:2]}).encode()
    labels = [label.decode() for label in answer.as_numpy("label")]
    assert labels == server.ask("POST", "/models/penguins/predict", body).json["predictions"]


def test_only_the_outputs_asked_for_are_given(inference: Any) -> None:
    wanted = [triton.InferRequestedOutput("prediction", binary_data=False)]
    answer = inference.infer("housing", [tensor("features", [HOUSING_ROW], "FP32")], outputs=wanted, headers=dict(KEY))

    assert [output["name"] for output in answer.get_response()["outputs"]] == ["prediction"]


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize("given", [False, True])
def test_values_are_the_same_as_bytes_and_as_json(
    inference: Any, server: RunningServer, sent: bool, given: bool
) -> None:
    body = json.dumps({"data": PENGUIN_ROWS[:2]}).encode()
    plain = server.ask("POST", "/models/penguins/predict", body).json
    expected = [row["Gentoo"] for row in plain["probabilities"]]
    outputs = [triton.InferRequestedOutput(name, binary_data=given) for name in ("probability_Gentoo", "label")]
    columns = zip(PENGUIN_NAMES, PENGUIN_DATATYPES, zip(*PENGUIN_ROWS[:2], strict=True), strict=True)
    inputs = [
        triton.InferInput(name, [2], datatype).set_data_from_numpy(
            np.array(values, triton_to_np_dtype(datatype)), binary_data=sent
        )
        for name, datatype, values in columns
    ]
    answer = inference.infer("penguins", inputs, outputs=outputs, headers=dict(KEY))
    labels = [label.decode() if given else label for label in answer.as_numpy("label")]

    assert labels == plain["predictions"]
    assert answer.as_numpy("probability_Gentoo") == pytest.approx(expected, rel=1e-6)


def test_a_model_of_one_input_is_asked_by_the_clients_defaults(
    inference: Any, server: RunningServer, housing_body: bytes
) -> None:
    rows = triton.InferInput("whatever", [1, 13], "FP64").set_data_from_numpy(np.array([HOUSING_ROW]))
    answer = inference.infer("housing", [rows], headers=dict(KEY))

    expected = server.ask("POST", "/predict", housing_body).json["predictions"]
    assert answer.as_numpy("prediction") == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("content_type", ["Application/Octet-Stream", "application/octet-stream; x=y"])
def test_a_body_of_bytes_is_declared_by_its_type_alone(client: Client, content_type: str) -> None:
    text = json.dumps({"inputs": [ONE]}).encode()
    headers = {**JSON, "Content-Type": content_type, "Inference-Header-Content-Length": str(len(text))}

    assert client.post("/v2/models/housing/infer", data=text + BYTES, headers=headers).status_code == 200


def test_a_missing_number_is_nan_in_bytes(client: Client) -> None:
    columns = dict(zip(PENGUIN_NAMES, zip(PENGUIN_ROWS[2], strict=True), strict=True))
    length = {"name": "bill_length_mm", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}
    rest = [
        {"name": name, "shape": [1], "datatype": datatype, "data": columns[name]}
        for name, datatype in zip(PENGUIN_NAMES, PENGUIN_DATATYPES, strict=True)
        if name in ("island", "year")
    ]
    text = json.dumps({"inputs": [length, *rest]}).encode()
    answer = client.post(
        "/v2/models/penguins/infer",
        data=text + np.array([np.nan], "<f4").tobytes(),
        headers={**JSON, "Inference-Header-Content-Length": str(len(text))},
    )
    row = client.post("/models/penguins/predict", json={"data": [PENGUIN_ROWS[2]]}, headers=JSON)

    assert answer.json["outputs"][0]["data"] == row.json["predictions"]


ONE = {"name": "features", "shape": [1, 13], "datatype": "FP32", "parameters": {"binary_data_size": 52}}
BYTES = np.array(HOUSING_ROW, "<f4").tobytes()


@pytest.mark.parametrize(
    ("change", "values", "length", "said"),
    [
        ({}, BYTES, None, "the body is not JSON"),
        ({}, BYTES, "x", "must be the length of the JSON"),
        ({}, BYTES, "-1", "must be the length of the JSON"),
        ({}, BYTES, "100000", "must be the length of the JSON"),
        ({}, BYTES[:-1], "", "binary_data_size is 52, but 51 bytes are left"),
        ({}, BYTES + b"x", "", "1 bytes behind the JSON belong to no input"),
        ({"parameters": {"binary_data_size": -1}}, b"", "", "binary_data_size is -1"),
        ({"parameters": {"binary_data_size": True}}, b"x", "", "binary_data_size is True"),
        ({"parameters": {"binary_data_size": 51}}, BYTES[:-1], "", "51 bytes are no whole number of FP32"),
        ({"datatype": "BF16"}, BYTES, "", "no binary data of datatype 'BF16'"),
        ({"datatype": "BYTES"}, BYTES, "", "its last string is cut off"),
        ({"shape": [2, 13]}, BYTES, "", "needs 26 values, got 13"),
        ({"data": [1]}, BYTES, "", "has both data and binary_data_size"),
        ({}, np.full(13, np.inf, "<f4").tobytes(), "", "row 0, feature crim: the number is beyond 1e+30"),
        ({}, np.full(13, np.nan, "<f4").tobytes(), "", "row 0, feature crim: expected a number, got null"),
    ],
)
def test_wrong_bytes_are_told(
    client: Client, change: dict[str, Any], values: bytes, length: str | None, said: str
) -> None:
    text = json.dumps({"inputs": [{**ONE, **change}]}).encode()
    told = {} if length is None else {"Inference-Header-Content-Length": length or str(len(text))}
    answer = client.post("/v2/models/housing/infer", data=text + values, headers={**JSON, **told})

    assert answer.status_code in (400, 422)
    assert said in answer.json["error"]


def test_bytes_without_the_header_are_told(client: Client) -> None:
    answer = client.post("/v2/models/housing/infer", json={"inputs": [ONE]}, headers=JSON)

    assert "0 bytes are left behind the JSON; Inference-Header-Content-Length" in answer.json["error"]


def test_an_unknown_model_is_told_to_the_client(inference: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="no model is called 'nothing'"):
        inference.infer("nothing", [tensor("features", [HOUSING_ROW], "FP32")], headers=dict(KEY))


def infer(client: Client, **changes: Any) -> Any:
    features = {"name": "features", "shape": [1, 13], "datatype": "FP32", "data": list(HOUSING_ROW), **changes}
    return client.post("/v2/models/housing/infer", json={"inputs": [features]}, headers=JSON)


def test_nested_data_are_rows(client: Client) -> None:
    assert infer(client, data=[list(HOUSING_ROW)]).json["outputs"] == infer(client).json["outputs"]


HELD: list[tuple[str, Any, str]] = [
    ("UINT8", -1, "a whole number from 0 to 255, as UINT8 is, got the number -1.0"),
    ("UINT8", 300, "a whole number from 0 to 255, as UINT8 is, got the number 300.0"),
    ("INT8", -129, "a whole number from -128 to 127"),
    ("UINT16", 2**16, "a whole number from 0 to 65535"),
    ("INT32", 2**31, "a whole number from -2147483648 to 2147483647"),
    ("INT32", 0.5, "a whole number from -2147483648 to 2147483647, as INT32 is, got the number 0.5"),
    ("UINT64", -1, "a whole number from 0 to 18446744073709551615"),
    ("INT64", 2**63, "a whole number from -9223372036854775808 to 9223372036854775807"),
    ("INT64", True, "a whole number from -9223372036854775808 to 9223372036854775807, as INT64 is, got true"),
    ("FP16", 7e4, "a number from -65504.0 to 65504.0, as FP16 is, got the number 70000.0"),
    ("FP32", True, "a number, as FP32 is, got true"),
]


@pytest.mark.parametrize(("datatype", "value", "expected"), HELD)
def test_values_are_held_to_their_datatype(client: Client, datatype: str, value: Any, expected: str) -> None:
    answer = infer(client, datatype=datatype, shape=[2, 13], data=[*[1] * 13, 1, value, *[1] * 11])

    assert answer.status_code == 422
    assert answer.json["error"].startswith(f"row 1, feature zn: expected {expected}")
    assert answer.json["errors"][0]["feature"] == "zn"


@pytest.mark.parametrize(
    ("datatype", "values"),
    [("UINT8", [0, 255]), ("INT8", [-128, 127.0]), ("INT64", [2**20, -(2**20)]), ("FP16", [1, 65504])],
)
def test_the_ends_of_a_datatype_are_of_it(client: Client, datatype: str, values: list[Any]) -> None:
    assert infer(client, datatype=datatype, data=[*values, *[0] * 11]).status_code == 200


@pytest.mark.parametrize(
    ("name", "datatype", "value", "said"),
    [
        (
            "bill_length_mm",
            "UINT8",
            300,
            "row 0, feature bill_length_mm: expected a whole number from 0 to 255, as UINT8",
        ),
        ("island", "BYTES", 5, "row 0, feature island: expected one of "),
        ("sex", "BYTES", True, "row 0, feature sex: expected a string, got true"),
    ],
)
def test_columns_are_held_to_their_datatype(client: Client, name: str, datatype: str, value: Any, said: str) -> None:
    row = dict(zip(PENGUIN_NAMES, zip(PENGUIN_DATATYPES, PENGUIN_ROWS[0], strict=True), strict=True))
    row[name] = (datatype, value)
    inputs = [{"name": one, "shape": [1], "datatype": kind, "data": [cell]} for one, (kind, cell) in row.items()]
    answer = client.post("/v2/models/penguins/infer", json={"inputs": inputs}, headers=JSON)

    assert answer.status_code == 422
    assert answer.json["error"].startswith(said)


def test_a_byte_that_is_no_truth_is_told() -> None:
    tensor = {"name": "x", "datatype": "BOOL", "parameters": {"binary_data_size": 3}}
    with pytest.raises(Problem, match="input x: value 1 is the byte 2; expected BOOL, 0 or 1"):
        attach([tensor], memoryview(b"\1\2\0"), 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [13]}, "expected shape [rows, 13], got [13]"),
        ({"shape": [2, 13]}, "needs 26 values, got 13"),
        ({"shape": [0, 13], "data": []}, "expected 1 to 10000 rows"),
        ({"shape": "x"}, "shape must be an array of integers"),
        ({"datatype": "BYTES"}, "expected datatype FP32"),
        ({"data": ["a", *HOUSING_ROW[1:]]}, "row 0, feature crim: expected a number"),
        ({"parameters": [52]}, '"parameters" must be an object'),
    ],
)
def test_a_wrong_tensor_is_told(client: Client, change: dict[str, Any], said: str) -> None:
    answer = infer(client, **change)

    assert answer.status_code == 422
    assert said in answer.json["error"]


@pytest.mark.parametrize(
    "more",
    [
        {"model_name": "housing", "model_version": None},
        {"id": None, "parameters": None, "outputs": None},
        {"outputs": [{"name": "prediction", "parameters": None, "datatype": "FP32"}]},
    ],
)
def test_what_clients_send_beside_the_protocol_is_taken(client: Client, more: dict[str, Any]) -> None:
    features = {"name": "features", "shape": [1, 13], "datatype": "FP32", "data": list(HOUSING_ROW)}
    answer = client.post("/v2/models/housing/infer", json={"inputs": [features], **more}, headers=JSON)

    assert answer.json["outputs"] == infer(client).json["outputs"]


@pytest.mark.parametrize("change", [{"name": "x"}, {"name": None}, {"parameters": None}, {"content_type": "np"}])
def test_an_input_is_taken_as_clients_send_it(client: Client, change: dict[str, Any]) -> None:
    assert infer(client, **change).json["outputs"] == infer(client).json["outputs"]


def test_an_input_without_a_name_is_the_only_one(client: Client) -> None:
    features = {"shape": [1, 13], "datatype": "FP32", "data": list(HOUSING_ROW)}
    answer = client.post("/v2/models/housing/infer", json={"inputs": [features]}, headers=JSON)

    assert answer.json["outputs"] == infer(client).json["outputs"]


def ask_penguins(client: Client, *names: str) -> Any:
    inputs = [
        {"name": name, "shape": [1], "datatype": datatype, "data": [value]}
        for name, datatype, value in zip(PENGUIN_NAMES, PENGUIN_DATATYPES, PENGUIN_ROWS[2], strict=True)
        if name in names
    ]
    return client.post("/v2/models/penguins/infer", json={"inputs": inputs}, headers=JSON).json


def test_an_input_that_the_graph_fills_in_may_be_left_out(client: Client) -> None:
    assert ask_penguins(client, "island", "year")["outputs"] == ask_penguins(client, *PENGUIN_NAMES)["outputs"]


def test_an_input_that_is_needed_may_not(client: Client) -> None:
    assert "input island is missing" in ask_penguins(client, "year")["error"]
