"""`POST /explain` and `POST /models/<name>/explain`: how much each feature moved the answer to each row."""

from typing import Any

import msgspec

from serving.http.exchange import Answer
from serving.http.problems import Problem
from serving.http.requests import Request
from serving.inference.bounds import most_explained
from serving.inference.explanation import Explanation, explain
from serving.inference.model import Model
from serving.service import Service


async def answer_explain(service: Service, request: Request, name: str | None = None) -> Answer:
    """Explain a model's answers to rows, the default one's where none is named; the work is done in a thread.

    Raises:
        Problem: explanations are switched off, or the body, the model or a row is not what it should be.
    """
    body = await service.read_json(request)
    if not service.settings.explain_permutations:
        raise Problem(404, "this server explains nothing; MOLINO_SERVING_EXPLAIN_PERMUTATIONS switches it on")
    model = service.repository.pick(name)
    request.model, request.version = model.name, model.version
    return await service.work_aside(_explain, service, request, model, body)


def _explain(service: Service, request: Request, model: Model, body: bytes) -> Answer:
    permutations = service.settings.explain_permutations
    rows = model.read(body)
    most = most_explained(model.release, permutations, service.settings.explain_graph_rows)
    if len(rows) > most:
        raise Problem(422, f"at most {most} rows of this model are explained at once, got {len(rows)}")
    answer = {
        "explanations": [_told(model, explanation) for explanation in explain(model, rows, permutations)],
        "model": {"name": model.name, "version": model.version},
        "request_id": request.id,
    }
    return Answer(
        status=200,
        body=msgspec.json.encode(answer),
        request_id=request.id,
        model=model.name,
        version=model.version,
        rows=len(rows),
        caller=request.caller,
    )


def _told(model: Model, explanation: Explanation) -> dict[str, Any]:
    names = [feature.name for feature in model.release.features]
    return {
        "prediction": explanation.prediction,
        "value": explanation.value,
        "base": explanation.base,
        "contributions": dict(zip(names, explanation.contributions, strict=True)),
    }
