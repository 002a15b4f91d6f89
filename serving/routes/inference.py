"""The Open Inference Protocol (version 2), as KServe, MLServer and Triton speak it, JSON tensors only."""

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

from molino import __version__
from serving.http.exchange import Answer, Headers, refuse
from serving.http.problems import Problem
from serving.inference.model import Model, Predictions
from serving.inference.tensors import describe, read_rows
from serving.inference.validation import read_json
from serving.routes.predict import label, require_body
from serving.service import Service

PLATFORM = "onnxruntime_onnx"
BINARY_LENGTH = b"inference-header-content-length"


def describe_server() -> dict[str, Any]:
    """Return what `GET /v2` tells."""
    return {"name": "molino", "version": __version__, "extensions": []}


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
        if BINARY_LENGTH in headers:
            raise Problem(415, "send tensors as JSON data; the binary tensor extension is not spoken here")
        content = read_json(require_body(service, headers, body, undeclared=True))
        model = pick_version(service, name, version)
        return _infer(model, content, request_id, caller)
    except Problem as problem:
        problem.error_key = True
        return refuse(problem, request_id, *label(model), caller)
    except Exception:
        structlog.get_logger().exception("a request failed", request_id=request_id)
        return refuse(Problem(500, "the server failed; its log has the request id"), request_id, *label(model), caller)


def _infer(model: Model, content: Any, request_id: str, caller: str) -> Answer:
    if not isinstance(content, dict) or "inputs" not in content:
        raise Problem(422, 'expected an object with "inputs"')
    unknown = sorted(content.keys() - {"id", "parameters", "inputs", "outputs"})
    if unknown:
        raise Problem(422, f"unknown key {unknown[0][:64]!r}; expected id, parameters, inputs, outputs")
    given = content.get("id", "")
    if not isinstance(given, str) or not isinstance(content.get("parameters", {}), dict):
        raise Problem(422, '"id" must be a string and "parameters" an object')
    outputs = _wanted_outputs(model, content.get("outputs"))
    rows = model.validator.read_rows(read_rows(model.release, model.features, content["inputs"], model.max_rows))
    predictions = model.predict(rows)
    answer = {
        "model_name": model.name,
        "model_version": model.version,
        "id": given or request_id,
        "outputs": [_output(model, name, predictions, len(rows)) for name in outputs],
    }
    return Answer(
        status=200,
        body=msgspec.json.encode(answer),
        request_id=request_id,
        model=model.name,
        version=model.version,
        rows=len(rows),
        caller=caller,
    )


def _wanted_outputs(model: Model, outputs: Any) -> Sequence[str]:
    known = [tensor.name for tensor in model.release.signature.outputs]
    if outputs is None or outputs == []:
        return known
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise Problem(422, '"outputs" must be an array of objects with a name')
    names = [output.get("name") for output in outputs]
    if not all(name in known for name in names) or len(set(names)) != len(names):
        raise Problem(422, f"the outputs must be among {', '.join(known[:20])}, each at most once")
    if any(output.keys() - {"name", "parameters"} for output in outputs):
        raise Problem(422, "an output has name and parameters, nothing else")
    if not all(isinstance(output.get("parameters", {}), dict) for output in outputs):
        raise Problem(422, '"parameters" must be an object')
    return names


def _output(model: Model, name: str, predictions: Predictions, rows: int) -> dict[str, Any]:
    tensor = next(tensor for tensor in model.release.signature.outputs if tensor.name == name)
    names = [tensor.name for tensor in model.release.signature.outputs]
    position = names.index(name)
    data = predictions.values if position == 0 else (predictions.probabilities or [])[position - 1]
    return {**describe(tensor), "shape": [rows], "data": data}
