"""The contract of the API as OpenAPI 3.1, made from what is served at the moment it is asked for."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from molino import __version__
from molino.contracts.release import Release
from serving.auth.scopes import shows_model
from serving.features import serve_features
from serving.http.requests import Request
from serving.http.routing import Route
from serving.inference.bounds import most_explained
from serving.inference.model import Model
from serving.reports.schemas import (
    PROBLEM,
    Schema,
    explain_answer,
    inference_answer,
    inference_body,
    made_up_tensors,
    made_up_value,
    predict_answer,
    predict_body,
    predict_parameters,
)
from serving.service import Service
from serving.settings import ServingSettings

OBJECT: Schema = {"type": "object"}
MOST_CONTRACTS = 16
"""Documents that are kept: proxies have the server under several paths, and tokens open different models."""
DESCRIPTIONS = {
    400: "The request is malformed, or its body is not JSON in UTF-8, or damaged gzip.",
    401: "There is no valid key.",
    403: "The token lacks the scope.",
    404: "There is no such model or page.",
    405: "The route has no such method.",
    413: "The body is too large, as it comes or unpacked.",
    415: "The body is not declared as JSON in UTF-8, plain or in gzip.",
    422: "A row has a wrong shape, a wrong value or an unknown feature, or the model has no finite answer to it.",
    429: "More requests than the key may send; see Retry-After.",
    503: "A deployed model could not be loaded.",
}
BODY_PROBLEMS = (400, 413, 415, 422)


def build_contract(service: Service, routes: Sequence[Route], request: Request) -> Schema:
    """Return the OpenAPI document of the routes with a title; those of models, once for each that the caller sees."""
    releases = [model.release for model in _open_models(service, request)]
    default = service.repository.default
    default = default if default and default.release in releases else None
    paths: Schema = {}
    for route in routes:
        for path, operation in _operations(route, releases, default.release if default else None, service.settings):
            paths.setdefault(path, {})[route.method.lower()] = operation
            if "{name}" in path:
                paths[path]["parameters"] = [_name_parameter([release.name for release in releases])]
    tokens = service.settings.jwt_keys is not None or service.settings.jwks_url is not None
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
        "servers": [{"url": request.prefix or "/"}],
        "security": [{name: []} for name in schemes],
        "paths": _name_all(paths),
        "components": {
            "securitySchemes": schemes,
            "schemas": {"Problem": PROBLEM},
            "responses": {str(status): _problem(text) for status, text in DESCRIPTIONS.items()},
            "headers": {"X-Request-ID": {"description": "Id of the request.", "schema": {"type": "string"}}},
        },
    }


def _name_all(paths: Schema) -> Schema:
    """Return the paths with an id for each operation, which no other has once a generator has made a name of it."""
    named: Schema = {}
    taken: set[str] = set()
    for path, item in paths.items():
        named[path] = _name(path, item)
        for told in named[path].values():
            if isinstance(told, dict):
                given, count = told["operationId"], 1
                while (identifier := told["operationId"].replace("-", "_").lower()) in taken:
                    count += 1
                    told["operationId"] = f"{given}_{count}"
                taken.add(identifier)
    return named


def _name(path: str, item: Schema) -> Schema:
    """Return a path's item with an id for each operation, and the model as its tag, for generators of clients."""
    parts = path.removeprefix("/v2").split("/")
    tag = parts[2] if len(parts) > 2 and parts[1] == "models" and parts[2] != "{name}" else "server"
    words = "_".join(filter(None, re.split(r"[^A-Za-z0-9-]+", path))) or "home"
    return {
        key: {"operationId": f"{key}_{words}", "tags": [tag], **told} if isinstance(told, dict) else told
        for key, told in item.items()
    }


def _operations(
    route: Route, releases: Sequence[Release], default: Release | None, settings: ServingSettings
) -> Iterator[tuple[str, Schema]]:
    """Yield each path that a route stands for, and what is asked and answered there.

    `x-route` names the route, which many paths may stand for: a page shows it once.
    """
    if route.title is None or (route.describe == "explain" and not settings.explain_permutations):
        return
    named = {"x-route": route.path}
    if route.describe is None and not route.path.startswith("/v2/models/"):
        yield route.path, _get(route) | named
        return
    about = releases if "{name}" in route.path else [default] if default is not None else []
    for release in about:
        path = route.path.replace("{name}", release.name).replace("{version}", release.version)
        yield path, _OPERATIONS[route.describe](route, release, settings) | named


def _predict(route: Route, release: Release, _: ServingSettings) -> Schema:
    title = f"{route.title}, {release.name}: {release.title}"
    operation = _post(title, predict_body(release), predict_answer(release), _made_up_body(release))
    parameters = predict_parameters(release)
    return operation | {"parameters": parameters} if parameters else operation


def _explain(route: Route, release: Release, settings: ServingSettings) -> Schema:
    most = most_explained(release, settings.explain_permutations, settings.explain_graph_rows)
    title = f"{route.title}, {release.name}"
    return _post(title, predict_body(release, most), explain_answer(release), _made_up_body(release))


def _infer(route: Route, release: Release, _: ServingSettings) -> Schema:
    return _post(
        f"{route.title}, {release.name}", inference_body(release), inference_answer(release), made_up_tensors(release)
    )


def _made_up_body(release: Release) -> Schema:
    return {"data": [[made_up_value(served) for served in serve_features(release)]]}


_OPERATIONS: Mapping[str | None, Callable[[Route, Release, ServingSettings], Schema]] = {
    "predict": _predict,
    "explain": _explain,
    "infer": _infer,
    None: lambda route, *_: _get(route),
}
"""What a route of each model is asked and answers, by `Route.describe`."""


def _get(route: Route) -> Schema:
    schema = OBJECT if route.media == "application/json" else {"type": "string"}
    refusals = (*route.problems, *(() if route.public else (401, 403, 429)))
    return {
        "summary": route.title,
        "responses": {"200": _ok({route.media: {"schema": schema}}), **_refusals(refusals)},
        **({"security": []} if route.public else {}),
    }


def _post(title: str, body: Schema, answer: Schema, example: Mapping[str, Any]) -> Schema:
    media = {"schema": body, "example": example}
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


def encode_contract(service: Service, routes: Sequence[Route], request: Request) -> bytes:
    """Return the document as JSON; it is made once for what is served, and for whom."""
    default = service.repository.default
    models = ((model.name, model.version) for model in _open_models(service, request))
    served = (request.prefix, default.name if default else None, *models)
    encoded = service.contracts.get(served)
    if encoded is None:
        encoded = msgspec.json.encode(build_contract(service, routes, request))
        if len(service.contracts) >= MOST_CONTRACTS:
            service.contracts.clear()
        service.contracts[served] = encoded
    return encoded


def _open_models(service: Service, request: Request) -> Sequence[Model]:
    """Return the models that the caller may ask, by name."""
    models = service.repository.state.models
    return [models[name] for name in sorted(models) if shows_model(request.scopes, name)]
