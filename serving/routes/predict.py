"""The one function that answers a predict request: bytes in, status and bytes out, whatever server carries it."""

import structlog

from serving.http.exchange import JSON_TYPE, Answer, Headers, refuse
from serving.http.problems import Problem
from serving.inference.model import Model
from serving.service import Service


def answer_predict(service: Service, name: str | None, headers: Headers, body: bytes | None) -> Answer:
    """Answer `POST /predict` or `POST /models/<name>/predict`.

    Args:
        service: what the server holds.
        name: the model of the path; none for the default one.
        headers: by lower-case name.
        body: the whole body; none where it was larger than the server takes.
    """
    request_id = service.request_ids.of(headers)
    model: Model | None = None
    caller = ""
    try:
        caller = service.admit(headers, "/predict" if name is None else f"/models/{name}/predict")
        content = require_body(service, headers, body)
        model = service.repository.pick(name)
        rows = model.read(content)
        predictions = model.predict(rows)
        return Answer(
            status=200,
            body=model.encode(predictions, request_id),
            request_id=request_id,
            model=model.name,
            version=model.version,
            rows=len(rows),
            caller=caller,
        )
    except Problem as problem:
        return refuse(problem, request_id, *label(model), caller)
    except Exception:
        structlog.get_logger().exception("a request failed", request_id=request_id)
        return refuse(Problem(500, "the server failed; its log has the request id"), request_id, *label(model), caller)


def label(model: Model | None) -> tuple[str, str]:
    """Return what a request is counted under."""
    return (model.name, model.version) if model is not None else ("", "")


def require_body(service: Service, headers: Headers, body: bytes | None, undeclared: bool = False) -> bytes:
    """Return the body of a request that sends JSON; `undeclared` lets one without a content type through.

    Raises:
        Problem: 413 where it is too large, 415 where it isn't declared as JSON in UTF-8.
    """
    content_type = headers.get(b"content-type", b"")
    if content_type != JSON_TYPE and not (undeclared and not content_type):
        _require_json(content_type)
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != b"identity":
        raise Problem(415, "the body must not be compressed", ((b"accept-encoding", b"identity"),))
    if body is None:
        raise Problem(413, f"the body is larger than {service.settings.max_body_bytes} bytes")
    return body


def _require_json(content_type: bytes) -> None:
    kind, _, parameters = content_type.partition(b";")
    if kind.strip().lower() != JSON_TYPE:
        raise Problem(415, "the body must be application/json", ((b"accept-post", JSON_TYPE),))
    name, _, value = parameters.partition(b"=")
    if name.strip().lower() == b"charset" and value.strip().strip(b'"').lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise Problem(415, "the body must be in UTF-8", ((b"accept-post", JSON_TYPE),))
