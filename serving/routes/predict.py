"""`POST /predict` and `POST /models/<name>/predict`."""

from serving.http.exchange import Answer
from serving.http.requests import Request
from serving.inference.model import Model
from serving.service import Service


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
    rows = model.read(body)
    predictions = model.predict(rows)
    return Answer(
        status=200,
        body=model.encode(predictions, request.id),
        request_id=request.id,
        model=model.name,
        version=model.version,
        rows=len(rows),
        caller=request.caller,
    )
