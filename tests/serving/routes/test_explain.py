"""`POST /explain` and `POST /models/<name>/explain`."""

from pathlib import Path
from typing import Any

import pytest
from asgi_client import make_client
from bundles import HOUSING_ROW, PENGUIN_ROWS
from running_server import JSON, KEY
from werkzeug.test import Client

from serving.settings import ServingSettings


def client_of(releases: Path, **settings: Any) -> Client:
    return make_client(ServingSettings(home=releases, **settings))


def ask(client: Client, model: str, *rows: Any) -> Any:
    return client.post(f"/models/{model}/explain", json={"data": rows}, headers=JSON)


@pytest.mark.parametrize(("model", "row"), [("housing", HOUSING_ROW), ("penguins", PENGUIN_ROWS[2])])
def test_an_answer_is_explained(client: Client, model: str, row: Any) -> None:
    answer = ask(client, model, row)
    predicted = client.post(f"/models/{model}/predict", json={"data": [row]}, headers=JSON).json["predictions"]
    (told,) = answer.json["explanations"]

    assert told["prediction"] == predicted[0]
    assert told["base"] + sum(told["contributions"].values()) == pytest.approx(told["value"], rel=1e-12)


def test_the_default_model_explains_too(client: Client) -> None:
    body = {"data": [HOUSING_ROW]}

    assert client.post("/explain", json=body, headers=JSON).json["model"] == {"name": "housing", "version": "1"}


def test_explanations_want_a_key(client: Client) -> None:
    assert client.post("/explain", json={"data": [HOUSING_ROW]}).status_code == 401


def test_explanations_are_counted(client: Client) -> None:
    ask(client, "housing", HOUSING_ROW, HOUSING_ROW)
    route = next(one for one in client.get("/monitor", headers=KEY).json["routes"] if one["route"].endswith("/explain"))

    assert (route["route"], route["requests"]) == ("/models/{name}/explain", 1)
    assert 'molino_predicted_rows_total{model="housing",version="1"} 2' in client.get("/metrics", headers=KEY).text


def test_a_wrong_value_is_told(client: Client) -> None:
    answer = ask(client, "housing", ["x", *HOUSING_ROW[1:]])

    assert answer.status_code == 422
    assert "row 0, feature crim: expected a number" in answer.json["detail"]


def test_the_cost_of_a_request_is_bounded(releases: Path) -> None:
    client = client_of(releases, explain_permutations=10, explain_graph_rows=2 * 10 * 13 * 3)

    assert ask(client, "housing", *[HOUSING_ROW] * 3).status_code == 200
    assert (
        "at most 3 rows of this model are explained at once, got 4"
        in ask(client, "housing", *[HOUSING_ROW] * 4).json["detail"]
    )


def test_explanations_can_be_switched_off(releases: Path) -> None:
    answer = ask(client_of(releases, explain_permutations=0), "housing", HOUSING_ROW)

    assert (answer.status_code, "switches it on" in answer.json["detail"]) == (404, True)
