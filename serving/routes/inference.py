"""The Open Inference Protocol (version 2), as KServe, MLServer and Triton speak it, with binary tensors."""

from collections.abc import Mapping
from typing import Any

import structlog

from molino import __version__
from serving.http.exchange import JSON_TYPE, Answer, Headers, refuse
from serving.http.problems import Problem
from serving.inference.binary_tensors import CONTENT_TYPE, HEADER, attach, encode, split_body
from serving.inference.model import Model, Predictions
from serving.inference.tensors import describe, read_columns
from serving.inference.validation import read_json
from serving.routes.predict import label, require_body
from serving.service import Service

PLATFORM = "onnxruntime_onnx"


def describe_server() -> dict[str, Any]:
    """Return what `GET /v2` tells."""
    return {"name": "molino", "version": __version__, "extensions": ["binary_tensor_data"]}


def pick_version(service: Service, name: str, version: str | None) -> Model:
    """Return a model, of that version where one is asked for.

    Raises:
        Problem: 404 where it isn't served.
    """
    model = service.repository.pick(name)
    if version is not None and version != model.version:
        raise Problem(404, f"model {name} is served in version {model.version}, not {version[:64]!r}")
    return model


def describe_tensors(model: Model) -> dict[str, Any]:
    """Return a model's metadata."""
    signature = model.release.signature
    asked = {served.feature.name: served.datatype for served in model.features}
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": PLATFORM,
        "inputs": [describe(tensor, asked.get(tensor.name)) for tensor in signature.inputs],
        "outputs": [describe(tensor) for tensor in signature.outputs],
    }


def answer_inference(service: Service, name: str, version: str | None, headers: Headers, body: bytes | None) -> Answer:
    """Answer `POST /v2/models/<name>[/versions/<version>]/infer`."""
    request_id = service.request_ids.of(headers)
    model: Model | None = None
    caller = ""
    try:
        caller = service.admit(headers, f"/v2/models/{name}/infer")
        text, values = split_body(_require_body(service, headers, body), headers.get(HEADER))
        content = read_json(text)
        model = pick_version(service, name, version)
        return _infer(model, content, values, request_id, caller)
    except Problem as problem:
        problem.error_key = True
        return refuse(problem, request_id, *label(model), caller)
    except Exception:
        structlog.get_logger().exception("a request failed", request_id=request_id)
        return refuse(Problem(500, "the server failed; its log has the request id"), request_id, *label(model), caller)


def _require_body(service: Service, headers: Headers, body: bytes | None) -> bytes:
    """Return the body; one with binary values is declared as anything, or not at all."""
    if HEADER in headers and headers.get(b"content-type") == CONTENT_TYPE:
        headers = {name: value for name, value in headers.items() if name != b"content-type"}
    return require_body(service, headers, body, undeclared=True)


def _infer(model: Model, content: Any, values: memoryview, request_id: str, caller: str) -> Answer:
    if not isinstance(content, dict) or "inputs" not in content:
        raise Problem(422, 'expected an object with "inputs"')
    given = content.get("id")
    parameters = _parameters(content)
    if not isinstance(given, str | None):
        raise Problem(422, '"id" must be a string')
    outputs = _wanted_outputs(model, content.get("outputs"), parameters.get("binary_data_output") is True)
    attach(content["inputs"], values)
    columns = read_columns(model.release, model.features, content["inputs"], model.max_rows)
    rows = len(columns[0])
    predictions = model.predict_inputs(model.read_columns(columns), rows)
    answer = {
        "model_name": model.name,
        "model_version": model.version,
        "id": given or request_id,
        "outputs": [_output(model, name, predictions, rows) for name in outputs],
    }
    body, length = encode(answer, [name for name, binary in outputs.items() if binary])
    return Answer(
        status=200,
        body=body,
        request_id=request_id,
        content_type=JSON_TYPE if length is None else CONTENT_TYPE,
        headers=() if length is None else ((HEADER, str(length).encode()),),
        model=model.name,
        version=model.version,
        rows=rows,
        caller=caller,
    )


def _parameters(content: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = content.get("parameters")
    if not isinstance(parameters, dict | None):
        raise Problem(422, '"parameters" must be an object')
    return parameters or {}


def _wanted_outputs(model: Model, outputs: Any, binary: bool) -> dict[str, bool]:
    """Return the outputs to give, and whether as bytes."""
    known = [tensor.name for tensor in model.release.signature.outputs]
    if outputs is None or outputs == []:
        return dict.fromkeys(known, binary)
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise Problem(422, '"outputs" must be an array of objects with a name')
    names = [output.get("name") for output in outputs]
    if not all(name in known for name in names) or len(set(names)) != len(names):
        raise Problem(422, f"the outputs must be among {', '.join(known[:20])}, each at most once")
    return {output["name"]: _parameters(output).get("binary_data", binary) is True for output in outputs}


def _output(model: Model, name: str, predictions: Predictions, rows: int) -> dict[str, Any]:
    tensor = next(tensor for tensor in model.release.signature.outputs if tensor.name == name)
    names = [tensor.name for tensor in model.release.signature.outputs]
    position = names.index(name)
    data = predictions.values if position == 0 else (predictions.probabilities or [])[position - 1]
    return {**describe(tensor), "shape": [rows], "data": data}
