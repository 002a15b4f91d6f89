"""The Open Inference Protocol, as a client from PyPI speaks it."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from bundles import HOUSING_ROW, PENGUIN_ROWS
from flask.testing import FlaskClient
from running_server import JSON, KEY, RunningServer

triton = pytest.importorskip("tritonclient.http", exc_type=ImportError)


@pytest.fixture
def inference(server: RunningServer) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


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
    assert list(answer.as_numpy("label")) == server.ask("POST", "/models/penguins/predict", body).json["predictions"]


def test_only_the_outputs_asked_for_are_given(inference: Any) -> None:
    wanted = [triton.InferRequestedOutput("prediction", binary_data=False)]
    answer = inference.infer("housing", [tensor("features", [HOUSING_ROW], "FP32")], outputs=wanted, headers=dict(KEY))

    assert [output["name"] for output in answer.get_response()["outputs"]] == ["prediction"]


def test_binary_tensors_are_refused_clearly(inference: Any) -> None:
    binary = triton.InferInput("features", [1, 13], "FP32").set_data_from_numpy(np.array([HOUSING_ROW], np.float32))

    with pytest.raises(triton.InferenceServerException, match="send tensors as JSON"):
        inference.infer("housing", [binary], headers=dict(KEY))


def test_an_unknown_model_is_told_to_the_client(inference: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="no model is called 'nothing'"):
        inference.infer("nothing", [tensor("features", [HOUSING_ROW], "FP32")], headers=dict(KEY))


def infer(client: FlaskClient, **changes: Any) -> Any:
    features = {"name": "features", "shape": [1, 13], "datatype": "FP32", "data": list(HOUSING_ROW), **changes}
    return client.post("/v2/models/housing/infer", json={"inputs": [features]}, headers=JSON)


def test_nested_data_are_rows(client: FlaskClient) -> None:
    assert infer(client, data=[list(HOUSING_ROW)]).json["outputs"] == infer(client).json["outputs"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [13]}, "expected shape [rows, 13], got [13]"),
        ({"shape": [2, 13]}, "needs 26 values, got 13"),
        ({"shape": [0, 13], "data": []}, "expected 1 to 10000 rows"),
        ({"shape": "x"}, "shape must be an array of integers"),
        ({"datatype": "BYTES"}, "expected datatype FP32"),
        ({"name": "x"}, "the inputs must be features"),
        ({"data": ["a", *HOUSING_ROW[1:]]}, "row 0, feature crim: expected a number"),
        ({"parameters": {"binary_data_size": 52}}, "binary tensor data is not spoken"),
    ],
)
def test_a_wrong_tensor_is_told(client: FlaskClient, change: dict[str, Any], said: str) -> None:
    answer = infer(client, **change)

    assert answer.status_code == 422
    assert said in answer.json["error"]
