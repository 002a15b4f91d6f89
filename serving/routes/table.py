"""The one table of routes: what answers them, and what the contract says of them."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
from flask import Response

from serving.http.exchange import Answer
from serving.http.requests import Request
from serving.http.routing import Route
from serving.pages import send_static, show_docs, show_home
from serving.reports.catalogue import describe_model, list_models
from serving.reports.exposition import CONTENT_TYPE, expose
from serving.reports.monitor import monitor
from serving.reports.openapi import encode_contract
from serving.routes.explain import answer_explain
from serving.routes.health import answer_ping, answer_ready
from serving.routes.inference import (
    answer_inference,
    describe_server,
    describe_tensors,
    model_ready,
    server_live,
    server_ready,
)
from serving.routes.predict import answer_predict
from serving.service import Service
from serving.settings import ServingSettings

CONTRACT = "/openapi.json"
MODEL = "/v2/models/{name}"
VERSION = "/v2/models/{name}/versions/{version}"
HTML, TEXT = "text/html", "text/plain"
READY = "Whether every deployed model is loaded and warm"
EXPLAIN = "How much each feature moved the predictions of a model"
INFER = "Predictions of a model by the Open Inference Protocol"


async def _answer_contract(service: Service, request: Request) -> Answer:
    contract = encode_contract(service, open_routes(service.settings), request)
    return Answer(200, contract, request.id, caller=request.caller)


async def _answer_models(service: Service, request: Request) -> Answer:
    def answer() -> Answer:
        body = msgspec.json.encode(list_models(service, request.scopes))
        return Answer(200, body, request.id, caller=request.caller)

    return await service.work_aside(answer)


def _monitor(service: Service) -> Response:
    return Response(msgspec.json.encode(monitor(service)), content_type="application/json")


def _metrics(service: Service) -> Response:
    return Response(expose(service), content_type=CONTENT_TYPE)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/ping", answer_ping, public=True, title="Whether the process lives"),
    Route("GET", "/ready", answer_ready, public=True, title=READY, problems=(503,)),
    Route("GET", "/", view=show_home, public=True, title="A page to look at the models and try one", media=HTML),
    Route("GET", "/docs", view=show_docs, public=True, title="This contract as a page", media=HTML),
    Route("GET", CONTRACT, _answer_contract, title="This contract"),
    Route("GET", "/static/{filename:path}", view=send_static, public=True),
    Route("GET", "/models", _answer_models, title="Models, their versions and metrics"),
    Route(
        "GET",
        "/models/{name}",
        view=describe_model,
        title="All about one model: features, signature, metrics, lineage",
        problems=(404,),
    ),
    Route(
        "GET",
        "/monitor",
        view=_monitor,
        title="Versions, uptime, requests, errors, latency and drift, over all workers",
    ),
    Route("GET", "/metrics", view=_metrics, title="The same for Prometheus", media=TEXT),
    Route("POST", "/predict", answer_predict, title="Predictions of the default model", describe="predict"),
    Route("POST", "/models/{name}/predict", answer_predict, title="Predictions of a model", describe="predict"),
    Route("POST", "/explain", answer_explain, title=EXPLAIN, describe="explain"),
    Route("POST", "/models/{name}/explain", answer_explain, title=EXPLAIN, describe="explain"),
    Route("GET", "/v2", view=describe_server, title="The server's metadata"),
    Route("GET", "/v2/health/live", view=server_live, public=True, title="Whether the process lives"),
    Route("GET", "/v2/health/ready", view=server_ready, public=True, title=READY, problems=(503,)),
    *(
        route
        for path in (MODEL, VERSION)
        for route in (
            Route("GET", path, view=describe_tensors, title="The model's tensors", problems=(404,)),
            Route(
                "GET",
                f"{path}/ready",
                view=model_ready,
                title="Whether the model is loaded and warm",
                problems=(404, 503),
            ),
            Route("POST", f"{path}/infer", answer_inference, title=INFER, describe="infer"),
        )
    ),
)


def open_routes(settings: ServingSettings) -> Sequence[Route]:
    """Return the table, where a setting lets everybody read the contract with that."""
    return [
        replace(route, public=True) if route.path == CONTRACT and settings.public_contract else route
        for route in ROUTES
    ]
