import json

from bundles import HOUSING_ROW
from running_server import RunningServer


def test_the_server_answers_the_prediction_of_the_flask_app(server: RunningServer, client, housing_body) -> None:  # type: ignore[no-untyped-def]
    through_flask = client.post(
        "/predict", data=housing_body, headers={"X-API-KEY": "mercadolibre", "Content-Type": "application/json"}
    ).json

    assert server.ask("POST", "/predict", housing_body).json["predictions"] == through_flask["predictions"]


def test_a_large_body_is_answered_too(server: RunningServer) -> None:
    body = json.dumps({"data": [HOUSING_ROW] * 9000}).encode()

    assert len(server.ask("POST", "/predict", body).json["predictions"]) == 9000
