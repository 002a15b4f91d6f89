"""The routes of the Open Inference Protocol."""

from typing import Any

from flask import Blueprint, Response, request

from serving.routes.flask_responses import read_body, read_headers, respond
from serving.routes.health import not_ready
from serving.routes.inference import answer_inference, describe_server, describe_tensors, pick_version
from serving.service import Service

MODEL = "/models/<name>"
VERSION = "/models/<name>/versions/<version>"


def make_inference_routes(service: Service) -> Blueprint:
    """Return the routes under `/v2`."""
    routes = Blueprint("v2", __name__, url_prefix="/v2")

    def describe(name: str, version: str | None = None) -> dict[str, Any]:
        return describe_tensors(pick_version(service, name, version))

    def ready(name: str, version: str | None = None) -> dict[str, Any]:
        return {"name": pick_version(service, name, version).name, "ready": True}

    def infer(name: str, version: str | None = None) -> Response:
        headers = read_headers(request.headers.items())
        return respond(answer_inference(service, name, version, headers, read_body(service)))

    def server_ready() -> dict[str, bool]:
        if not service.repository.ready:
            raise not_ready(service)
        return {"ready": True}

    routes.add_url_rule("", "server", describe_server)
    routes.add_url_rule("/health/live", "live", lambda: {"live": True})
    routes.add_url_rule("/health/ready", "ready", server_ready)
    for path, suffix in ((MODEL, ""), (VERSION, "_version")):
        routes.add_url_rule(path, f"model{suffix}", describe)
        routes.add_url_rule(f"{path}/ready", f"model_ready{suffix}", ready)
        routes.add_url_rule(f"{path}/infer", f"infer{suffix}", infer, methods=["POST"])
    return routes
