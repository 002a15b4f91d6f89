"""The Open Inference Protocol (version 2), as KServe, MLServer and Triton speak it, with binary tensors."""

from collections.abc import Mapping
from typing import Any

from molino import __version__
from serving.http.exchange import JSON_TYPE, Answer
from serving.http.problems import Problem
from serving.http.requests import Request, media_type
from serving.inference.binary_tensors import CONTENT_TYPE, HEADER, attach, encode, split_body
from serving.inference.model import Model, Predictions
from serving.inference.tensors import describe, read_columns
from serving.inference.validation import read_json
from serving.routes.health import require_ready
from serving.service import Service

PLATFORM = "onnxruntime_onnx"


def describe_server(_: Service) -> dict[str, Any]:
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


def describe_tensors(service: Service, name: str, version: str | None = None) -> dict[str, Any]:
    """Return a model's metadata.

    Raises:
        Problem: 404 where it isn't served.
    """
    model = pick_version(service, name, version)
    signature = model.release.signature
    asked = {served.feature.name: served.datatype for served in model.features}
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": PLATFORM,
        "inputs": [describe(tensor, asked.get(tensor.name)) for tensor in signature.inputs],
        "outputs": [describe(tensor) for tensor in signature.outputs],
    }


def model_ready(service: Service, name: str, version: str | None = None) -> dict[str, Any]:
    """Tell that a model is loaded and warm.

    Raises:
        Problem: 404 where it isn't served, 503 where it can't be.
    """
    return {"name": pick_version(service, name, version).name, "ready": True}


def server_live(_: Service) -> dict[str, bool]:
    """Tell that the process lives."""
    return {"live": True}


def server_ready(service: Service) -> dict[str, bool]:
    """Tell whether every deployed model is loaded and warm.

    Raises:
        Problem: 503 where one isn't.
    """
    require_ready(service)
    return {"ready": True}


async def answer_inference(service: Service, request: Request, name: str, version: str | None = None) -> Answer:
    """Answer `POST /v2/models/<name>[/versions/<version>]/infer`.

    Raises:
        Problem: the body, the model or a tensor is not what it should be.
    """
    body = await _read(service, request)
    model = pick_version(service, name, version)
    request.model, request.version = model.name, model.version
    return await service.work(len(body), _infer, request, model, body)


async def _read(service: Service, request: Request) -> bytes:
    """Return the body; one with binary values is declared as anything, or not at all."""
    if HEADER in request.headers and media_type(request.headers.get(b"content-type", b"")) == CONTENT_TYPE:
        request.headers = {name: value for name, value in request.headers.items() if name != b"content-type"}
    return await service.read_json(request, undeclared=True)


def _infer(request: Request, model: Model, body: bytes) -> Answer:
    text, values = split_body(body, request.headers.get(HEADER))
    model.bounds.require(text, by_value=True)
    content = read_json(text)
    if not isinstance(content, dict) or "inputs" not in content:
        raise Problem(422, 'expected an object with "inputs"')
    given = content.get("id")
    parameters = _parameters(content)
    if not isinstance(given, str | None):
        raise Problem(422, '"id" must be a string')
    outputs = _wanted_outputs(model, content.get("outputs"), parameters.get("binary_data_output") is True)
    attach(content["inputs"], values, model.bounds.most_values)
    columns = read_columns(model.release, model.features, content["inputs"], model.max_rows)
    rows = len(columns[0])
    predictions = model.predict_columns(columns)
    answer = {
        "model_name": model.name,
        "model_version": model.version,
        "id": given or request.id,
        "outputs": [_output(model, name, predictions, rows) for name in outputs],
    }
    body, length = encode(answer, [name for name, binary in outputs.items() if binary])
    return Answer(
        status=200,
        body=body,
        request_id=request.id,
        content_type=JSON_TYPE if length is None else CONTENT_TYPE,
        headers=() if length is None else ((HEADER, str(length).encode()),),
        model=model.name,
        version=model.version,
        rows=rows,
        caller=request.caller,
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
