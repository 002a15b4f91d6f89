"""`POST /predict` and `POST /models/<name>/predict`."""

from urllib.parse import parse_qsl

from serving.http.exchange import Answer
from serving.http.problems import Problem
from serving.http.requests import Request
from serving.inference.model import Model
from serving.service import Service

INTERVALS = "intervals"
_SAID = {"true": True, "1": True, "false": False, "0": False}


async def answer_predict(service: Service, request: Request, name: str | None = None) -> Answer:
    """Answer rows by a model, the default one where none is named; who asks was let in by the request's head.

    Raises:
        Problem: the body, the model or a row is not what it should be.
    """
    body = await service.read_json(request)
    model = service.repository.pick(name)
    request.model, request.version = model.name, model.version
    return await service.work(len(body), _predict, request, model, body)


def _predict(request: Request, model: Model, body: bytes) -> Answer:
    intervals = _asks_intervals(request, model) if request.query else False
    rows = model.read(body)
    predictions = model.predict(rows)
    return Answer(
        status=200,
        body=model.encode(predictions, request.id, intervals),
        request_id=request.id,
        model=model.name,
        version=model.version,
        rows=len(rows),
        caller=request.caller,
    )


def _asks_intervals(request: Request, model: Model) -> bool:
    """Tell whether the query asks for prediction intervals.

    Raises:
        Problem: 400 where it says neither yes nor no, or the model has none.
    """
    given = dict(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)).get(INTERVALS)
    if given is None:
        return False
    said = _SAID.get(given.lower())
    if said is None:
        raise Problem(400, f"the parameter intervals is true or false, got {given[:64]!r}")
    if said and model.release.intervals is None:
        raise Problem(
            400,
            f"model {model.name} {model.version} has no prediction intervals; set intervals: {{level: 0.9}} in its "
            "model file, where its task is regression, and run the pipeline",
        )
    return said
