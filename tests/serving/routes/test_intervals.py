"""Prediction intervals by request: what `/predict` answers, refuses and promises."""

import json
from pathlib import Path
from typing import Any

import pytest
from asgi_client import make_client
from bundles import HOUSING_ROW, PENGUIN_ROWS
from running_server import JSON
from werkzeug.test import Client

from molino.contracts.release import PredictionIntervals
from serving.settings import ServingSettings

KEPT = {"level": 0.9, "half_width": 3.0, "rows": 70, "minimum": 0.0}


@pytest.fixture
def client(own_releases: Path) -> Client:
    """A client of the app, whose housing has intervals and whose penguins have none."""
    path = own_releases / "housing" / "1" / "release.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"intervals": KEPT}))
    return make_client(ServingSettings(home=own_releases))


def post(client: Client, path: str, rows: Any = (HOUSING_ROW,)) -> Any:
    return client.post(path, data=json.dumps({"data": rows}).encode(), headers=JSON)


def test_they_are_answered_where_they_are_asked_for(client: Client) -> None:
    answer = post(client, "/predict?intervals=true").json
    (prediction,), told = answer["predictions"], answer["intervals"]
    assert told == {"level": 0.9, "rows": [{"low": max(prediction - 3, 0), "high": prediction + 3}]}


@pytest.mark.parametrize("said", ["True", "TRUE", "1"])
def test_they_are_asked_for_as_python_writes_it_too(client: Client, said: str) -> None:
    assert "intervals" in post(client, f"/predict?intervals={said}").json


@pytest.mark.parametrize("query", ["", "?intervals=false", "?other=1"])
def test_nobody_else_gets_them(client: Client, query: str) -> None:
    assert set(post(client, f"/models/housing/predict{query}").json) == {"predictions", "model", "request_id"}


def test_ends_are_cut_to_what_the_target_may_be() -> None:
    known = PredictionIntervals(level=0.9, half_width=3.0, rows=70, minimum=0.0, maximum=50.0)
    assert [known.around(answer) for answer in (1.0, 20.0, 49.0)] == [(0.0, 4.0), (17.0, 23.0), (46.0, 50.0)]


def test_a_model_without_intervals_says_so(client: Client) -> None:
    answer = post(client, "/models/penguins/predict?intervals=true", PENGUIN_ROWS)
    assert (answer.status_code, "penguins 1 has no prediction intervals" in answer.json["detail"]) == (400, True)


def test_what_is_neither_yes_nor_no_is_refused(client: Client) -> None:
    answer = post(client, "/predict?intervals=often")
    assert (answer.status_code, answer.json["detail"]) == (
        400, "the parameter intervals is true or false, got 'often'",
    )  # fmt: skip


def test_the_contract_has_the_parameter_where_there_are_intervals(client: Client) -> None:
    paths = client.get("/openapi.json", headers=JSON).json["paths"]
    asked = {name: paths[f"/models/{name}/predict"]["post"].get("parameters") for name in ("housing", "penguins")}
    assert ([one["name"] for one in asked["housing"]], asked["penguins"]) == (["intervals"], None)
