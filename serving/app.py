"""The Flask app: every route of the API. The server answers predictions before they reach it, by the same function."""

import time

import msgspec
import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from serving.http.exchange import Answer, Headers, refuse
from serving.http.problems import Problem
from serving.pages import make_pages
from serving.reports.catalogue import describe_model, list_models
from serving.reports.exposition import CONTENT_TYPE, expose
from serving.reports.monitor import monitor
from serving.routes.explain import answer_explain
from serving.routes.flask_responses import read_body, read_headers, respond
from serving.routes.health import answer_ping, answer_ready
from serving.routes.predict import answer_predict
from serving.routes.v2 import make_inference_routes
from serving.service import Service, open_service
from serving.settings import ServingSettings

PUBLIC = frozenset({"/", "/ping", "/ready", "/docs", "/v2/health/live", "/v2/health/ready"})


def create_app(settings: ServingSettings) -> Flask:
    """Make the app for any WSGI server, with its models loaded; it follows the pointer file as requests come in."""
    service = open_service(settings)
    service.repository.refresh()
    return build_app(service, follow=True)


def build_app(service: Service, follow: bool) -> Flask:
    """Make the app around a service; `follow` has it look at the pointer file itself."""
    app = Flask("serving", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = service.settings.max_body_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["molino"] = service
    if follow:
        _follow_pointer(app, service)
    _count(app, service)
    _guard(app, service)
    _add_predict(app, service)
    _add_health(app, service)
    _add_reports(app, service)
    app.register_blueprint(make_inference_routes(service))
    app.register_blueprint(make_pages(service))
    return app


def _answer_of(response: Response) -> Answer:
    body = b"" if response.is_streamed else response.get_data()
    return Answer(response.status_code, body, g.get("request_id", ""), caller=g.get("caller", ""))


def _follow_pointer(app: Flask, service: Service) -> None:
    looked = time.monotonic()

    @app.before_request
    def follow() -> None:
        nonlocal looked
        if time.monotonic() - looked >= service.settings.poll_seconds:
            looked = time.monotonic()
            if service.repository.changed():
                service.repository.refresh()


def _count(app: Flask, service: Service) -> None:
    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        answer = g.pop("answer", None) or _answer_of(response)
        response.headers.setdefault("X-Request-ID", answer.request_id)
        rule = request.url_rule
        route = rule.rule.replace("<", "{").replace(">", "}") if rule else "unmatched"
        service.finish(route, request.method, request.path, answer, time.perf_counter() - g.started)
        return response


def _guard(app: Flask, service: Service) -> None:
    public = PUBLIC | ({"/openapi.json"} if service.settings.public_contract else frozenset[str]())

    @app.before_request
    def admit() -> Response | None:
        headers = read_headers(request.headers.items())
        g.request_id = service.request_ids.of(headers)
        if request.path in public or request.endpoint == "pages.static" or _is_predict():
            return None
        try:
            g.caller = service.admit(headers, request.path)
        except Problem as problem:
            problem.error_key = request.path.startswith("/v2")
            return respond(refuse(problem, g.request_id))
        return None

    @app.errorhandler(HTTPException)
    def explain(error: HTTPException) -> Response:
        headers = tuple(
            (name.lower().encode(), value.encode())
            for name, value in error.get_headers()
            if name.lower() not in ("content-type", "content-length")
        )
        return refuse_request(Problem(error.code or 500, error.description or error.name, headers))

    @app.errorhandler(Problem)
    def refuse_request(problem: Problem) -> Response:
        problem.error_key = request.path.startswith("/v2")
        return respond(refuse(problem, g.request_id, caller=g.get("caller", "")))

    @app.errorhandler(Exception)
    def fail(_: Exception) -> Response:
        structlog.get_logger().exception("a request failed", request_id=g.request_id)
        return respond(refuse(Problem(500, "the server failed; its log has the request id"), g.request_id))


def _is_predict() -> bool:
    """The predict function lets requests in itself, so that they aren't counted twice."""
    return request.endpoint in ("predict", "predict_model", "explain", "explain_model", "v2.infer", "v2.infer_version")


def _add_predict(app: Flask, service: Service) -> None:
    def answer(name: str | None) -> Response:
        return respond(answer_predict(service, name, read_headers(request.headers.items()), read_body(service)))

    def explain(name: str | None) -> Response:
        return respond(answer_explain(service, name, read_headers(request.headers.items()), read_body(service)))

    app.add_url_rule("/explain", "explain", lambda: explain(None), methods=["POST"])
    app.add_url_rule("/models/<name>/explain", "explain_model", lambda name: explain(name), methods=["POST"])
    app.add_url_rule("/predict", "predict", lambda: answer(None), methods=["POST"])
    app.add_url_rule("/models/<name>/predict", "predict_model", lambda name: answer(name), methods=["POST"])


def _add_health(app: Flask, service: Service) -> None:
    def headers() -> Headers:
        return read_headers(request.headers.items())

    app.add_url_rule("/ping", "ping", lambda: respond(answer_ping(service, headers())))
    app.add_url_rule("/ready", "ready", lambda: respond(answer_ready(service, headers())))


def _add_reports(app: Flask, service: Service) -> None:
    app.add_url_rule("/models", "models", lambda: list_models(service))
    app.add_url_rule("/models/<name>", "model", lambda name: describe_model(service, name))
    app.add_url_rule(
        "/monitor", "monitor", lambda: Response(msgspec.json.encode(monitor(service)), content_type="application/json")
    )
    app.add_url_rule("/metrics", "metrics", lambda: Response(expose(service), content_type=CONTENT_TYPE))
