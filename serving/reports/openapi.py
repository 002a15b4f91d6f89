"""The contract of the API as OpenAPI 3.1, made from what is served at the moment it is asked for."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from molino import __version__
from molino.contracts.release import Release
from serving.features import serve_features
from serving.inference.bounds import most_explained
from serving.reports.schemas import (
    PROBLEM,
    Schema,
    explain_answer,
    inference_answer,
    inference_body,
    made_up_value,
    predict_answer,
    predict_body,
)
from serving.service import Service
from serving.settings import ServingSettings

OBJECT: Schema = {"type": "object"}
DESCRIPTIONS = {
    400: "The request is malformed, or its body is not JSON in UTF-8.",
    401: "There is no valid key.",
    403: "The token lacks the scope.",
    404: "There is no such model or page.",
    405: "The route has no such method.",
    413: "The body is too large.",
    415: "The body is not declared as JSON in UTF-8.",
    422: "A row has a wrong shape, a wrong value or an unknown feature, or the model has no finite answer to it.",
    429: "More requests than the key may send; see Retry-After.",
    503: "A deployed model could not be loaded.",
}
BODY_PROBLEMS = (400, 413, 415, 422)


def build_contract(service: Service) -> Schema:
    """Return the OpenAPI document."""
    models = service.repository.state.models
    releases = [models[name].release for name in sorted(models)]
    default = service.repository.default
    settings = service.settings
    tokens = settings.jwt_keys is not None or settings.jwks_url is not None
    paths = {
        **_public_paths(settings.public_contract),
        **_report_paths([release.name for release in releases]),
        **_predict_paths(releases, default.release if default else None),
        **_explain_paths(releases, default.release if default else None, settings),
        **_inference_paths(releases),
    }
    schemes: Schema = {"key": {"type": "apiKey", "in": "header", "name": "X-API-KEY"}}
    if tokens:
        schemes["token"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Molino serving API",
            "version": __version__,
            "description": "Predictions of deployed models, and how they are doing.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{name: []} for name in schemes],
        "paths": {path: _name(path, item) for path, item in paths.items()},
        "components": {
            "securitySchemes": schemes,
            "schemas": {"Problem": PROBLEM},
            "responses": {str(status): _problem(text) for status, text in DESCRIPTIONS.items()},
            "headers": {"X-Request-ID": {"description": "Id of the request.", "schema": {"type": "string"}}},
        },
    }


def _name(path: str, item: Schema) -> Schema:
    """Return a path's item with an id for each operation, and the model as its tag, for generators of clients."""
    parts = path.removeprefix("/v2").split("/")
    tag = parts[2] if len(parts) > 2 and parts[1] == "models" and parts[2] != "{name}" else "server"
    words = "_".join(filter(None, re.split(r"[^A-Za-z0-9-]+", path))) or "home"
    return {
        key: {"operationId": f"{key}_{words}", "tags": [tag], **told} if isinstance(told, dict) else told
        for key, told in item.items()
    }


def _public_paths(public_contract: bool) -> Schema:
    ready = _get("Whether every deployed model is loaded and warm", OBJECT, (503,), public=True)
    return {
        "/ping": {"get": _get("Whether the process lives", OBJECT, (), public=True)},
        "/ready": {"get": ready},
        "/": {"get": _get("A page to look at the models and try one", None, (), "text/html", public=True)},
        "/docs": {"get": _get("This contract as a page", None, (), "text/html", public=True)},
        "/openapi.json": {"get": _get("This contract", OBJECT, (), public=public_contract)},
    }


def _report_paths(names: Sequence[str]) -> Schema:
    one = _get("All about one model: features, signature, metrics, lineage", OBJECT, (404,))
    return {
        "/models": {"get": _get("Models, their versions and metrics", OBJECT, ())},
        "/models/{name}": {"get": one, "parameters": [_name_parameter(names)]},
        "/monitor": {
            "get": _get("Versions, uptime, requests, errors, latency and drift, over all workers", OBJECT, ())
        },
        "/metrics": {"get": _get("The same for Prometheus", None, (), "text/plain")},
        "/v2": {"get": _get("The server's metadata", OBJECT, ())},
        "/v2/health/live": {"get": _get("Whether the process lives", OBJECT, (), public=True)},
        "/v2/health/ready": {
            "get": _get("Whether every deployed model is loaded and warm", OBJECT, (503,), public=True)
        },
    }


def _predict_paths(releases: Sequence[Release], default: Release | None) -> Schema:
    paths: Schema = {}
    if default is not None:
        title = f"Predictions of the default model, {default.name}"
        paths["/predict"] = {"post": _predict(title, default)}
    for release in releases:
        title = f"Predictions of {release.name}: {release.title}"
        paths[f"/models/{release.name}/predict"] = {"post": _predict(title, release)}
    return paths


def _predict(title: str, release: Release) -> Schema:
    return _post(title, predict_body(release), predict_answer(release), _made_up_body(release))


def _explain_paths(releases: Sequence[Release], default: Release | None, settings: ServingSettings) -> Schema:
    if not settings.explain_permutations:
        return {}
    paths: Schema = {} if default is None else {"/explain": {"post": _explain(default, settings)}}
    return paths | {f"/models/{release.name}/explain": {"post": _explain(release, settings)} for release in releases}


def _explain(release: Release, settings: ServingSettings) -> Schema:
    title = f"How much each feature moved the predictions of {release.name}"
    most = most_explained(release, settings.explain_permutations, settings.explain_graph_rows)
    return _post(title, predict_body(release, most), explain_answer(release), _made_up_body(release))


def _made_up_body(release: Release) -> Schema:
    return {"data": [[made_up_value(served) for served in serve_features(release)]]}


def _inference_paths(releases: Sequence[Release]) -> Schema:
    paths: Schema = {}
    for release in releases:
        post = _post(
            f"Predictions of {release.name} by the Open Inference Protocol",
            inference_body(release),
            inference_answer(release),
            None,
        )
        for path in (f"/v2/models/{release.name}", f"/v2/models/{release.name}/versions/{release.version}"):
            paths[path] = {"get": _get("The model's tensors", OBJECT, (404,))}
            paths[f"{path}/ready"] = {"get": _get("Whether the model is loaded and warm", OBJECT, (404, 503))}
            paths[f"{path}/infer"] = {"post": post}
    return paths


def _get(
    title: str, schema: Schema | None, problems: Sequence[int], media: str = "application/json", public: bool = False
) -> Schema:
    content: Schema = {media: {"schema": schema or {"type": "string"}}}
    return {
        "summary": title,
        "responses": {"200": _ok(content), **_refusals((*problems, *(() if public else (401, 403, 429))))},
        **({"security": []} if public else {}),
    }


def _post(title: str, body: Schema, answer: Schema, example: Mapping[str, Any] | None) -> Schema:
    media = {"schema": body, **({"example": example} if example else {})}
    return {
        "summary": title,
        "requestBody": {"required": True, "content": {"application/json": media}},
        "responses": {
            "200": _ok({"application/json": {"schema": answer}}),
            **_refusals((*BODY_PROBLEMS, 401, 403, 404, 429, 503)),
        },
    }


def _ok(content: Schema) -> Schema:
    headers = {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}}
    return {"description": "The answer.", "headers": headers, "content": content}


def _refusals(statuses: Sequence[int]) -> Schema:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted({*statuses, 405})}


def _problem(description: str) -> Schema:
    return {
        "description": description,
        "headers": {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}},
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _name_parameter(names: Sequence[str]) -> Schema:
    schema: Schema = {"type": "string", "enum": list(names)} if names else {"type": "string", "minLength": 1}
    return {"name": "name", "in": "path", "required": True, "schema": schema}


def encode_contract(service: Service) -> bytes:
    """Return the document as JSON; it is made once for what is served."""
    default = service.repository.default
    models = service.repository.state.models
    served = (default.name if default else None, *((name, models[name].version) for name in sorted(models)))
    encoded = service.contracts.get(served)
    if encoded is None:
        encoded = msgspec.json.encode(build_contract(service))
        service.contracts.clear()
        service.contracts[served] = encoded
    return encoded
