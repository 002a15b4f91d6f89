"""`POST /explain` and `POST /models/<name>/explain`: how much each feature moved the answer to each row."""

from typing import Any

import msgspec
import structlog

from serving.http.exchange import Answer, Headers, refuse
from serving.http.problems import Problem
from serving.inference.bounds import most_explained
from serving.inference.explanation import Explanation, explain
from serving.inference.model import Model
from serving.routes.predict import label, require_body
from serving.service import Service


def answer_explain(service: Service, name: str | None, headers: Headers, body: bytes | None) -> Answer:
    """Answer a request for explanations; it takes its time, so it is none for the event loop.

    Args:
        service: what the server holds.
        name: the model of the path; none for the default one.
        headers: by lower-case name.
        body: as that of `/predict`; none where it was larger than the server takes.
    """
    request_id = service.request_ids.of(headers)
    model: Model | None = None
    caller = ""
    try:
        caller = service.admit(headers, "/explain" if name is None else f"/models/{name}/explain")
        content = require_body(service, headers, body)
        permutations = service.settings.explain_permutations
        if not permutations:
            raise Problem(404, "this server explains nothing; MOLINO_SERVING_EXPLAIN_PERMUTATIONS switches it on")
        model = service.repository.pick(name)
        rows = model.read(content)
        most = most_explained(model.release, permutations, service.settings.explain_graph_rows)
        if len(rows) > most:
            raise Problem(422, f"at most {most} rows of this model are explained at once, got {len(rows)}")
        explanations = explain(model, rows, permutations)
        answer = {
            "explanations": [_told(model, explanation) for explanation in explanations],
            "model": {"name": model.name, "version": model.version},
            "request_id": request_id,
        }
        encoded = msgspec.json.encode(answer)
        return Answer(200, encoded, request_id, model=model.name, version=model.version, rows=len(rows), caller=caller)
    except Problem as problem:
        return refuse(problem, request_id, *label(model), caller)
    except Exception:
        structlog.get_logger().exception("a request failed", request_id=request_id)
        return refuse(Problem(500, "the server failed; its log has the request id"), request_id, *label(model), caller)


def _told(model: Model, explanation: Explanation) -> dict[str, Any]:
    names = [feature.name for feature in model.release.features]
    return {
        "prediction": explanation.prediction,
        "value": explanation.value,
        "base": explanation.base,
        "contributions": dict(zip(names, explanation.contributions, strict=True)),
    }
