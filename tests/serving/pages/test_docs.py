"""The page of the contract, in a real browser, on a desktop's and on a phone's width."""

import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest
from running_server import RunningServer

from serving.routes.table import ROUTES
from tests.serving.pages.browsing import cut, open_docs, violations

pytestmark = pytest.mark.pages


def open_route(page: Any, path: str) -> Any:
    card = page.locator(".route", has=page.locator(".path", has_text=re.compile(f"^{re.escape(path)}$"))).last
    card.locator("summary").first.click()
    return card


def test_each_route_stands_once_however_many_models(page: Any, many: RunningServer) -> None:
    open_docs(page, many.url)
    titled = [route for route in ROUTES if route.title is not None]

    assert page.locator(".route").count() == len(titled)
    assert [f"{method} " for method in page.locator(".route .method").all_text_contents()].count("POST ") == 6
    assert page.evaluate("document.documentElement.scrollHeight") < 3000


@pytest.mark.parametrize("model", ["housing", "penguins"])
def test_each_example_works_as_it_stands(page: Any, server: RunningServer, model: str) -> None:
    open_docs(page, server.url)
    page.select_option("#model", model)
    cards = page.locator(".route", has=page.locator(".method", has_text="POST"))
    for card in cards.all():
        card.locator("summary").first.click()
        card.locator(".ask button").click()
        card.locator(".status").wait_for()
    statuses = [text.split()[0] for text in cards.locator(".status").all_text_contents()]

    assert statuses == ["200"] * 6
    assert f'"{model}"' in page.locator(".route", has_text="/infer").first.locator(".reply").text_content()
    assert cut(page) == []


def test_a_reply_has_status_time_and_headers(page: Any, server: RunningServer) -> None:
    open_docs(page, server.url)
    card = open_route(page, "/models/housing/predict")
    card.locator(".ask button").click()
    card.locator(".reply").wait_for()
    headers = dict(zip(*(card.locator(f".headers {tag}").all_text_contents() for tag in ("dt", "dd")), strict=True))

    assert re.fullmatch(r"200 OK · [\d.]+ ms · \d+ bytes", card.locator(".status").text_content())
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"] == json.loads(card.locator(".reply").text_content())["request_id"]


def test_a_refusal_is_shown_as_it_came(page: Any, server: RunningServer) -> None:
    open_docs(page, server.url)
    card = open_route(page, "/models/housing/predict")
    card.locator("textarea").fill("{")
    card.locator(".ask button").click()
    card.locator(".failed .status").wait_for()

    assert card.locator(".status").text_content().startswith("400 Bad Request")
    assert json.loads(card.locator(".reply").text_content())["status"] == 400


def test_the_command_asks_the_same(page: Any, server: RunningServer) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    open_docs(page, server.url)
    page.select_option("#model", "penguins")
    card = open_route(page, "/v2/models/penguins/infer")
    command = card.locator(".curl").text_content()
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, "KEY": "mercadolibre"}, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout)["model_name"] == "penguins"


def test_the_command_is_copied(page: Any, server: RunningServer) -> None:
    open_docs(page, server.url)
    card = open_route(page, "/predict")
    card.locator(".copy").click()
    card.get_by_text("Copied").wait_for()

    assert page.evaluate("navigator.clipboard.readText()") == card.locator(".curl").text_content()


def test_schemas_of_body_and_answer_are_shown(page: Any, server: RunningServer) -> None:
    open_docs(page, server.url)
    card = open_route(page, "/models/housing/predict")
    for part in (".schema", ".answer-schema"):
        card.locator(f"{part} summary").click()

    assert "prefixItems" in card.locator(".schema pre").inner_text()
    assert json.loads(card.locator(".answer-schema pre").inner_text())["properties"].keys() >= {"predictions", "model"}


def test_the_search_finds_models_and_routes(page: Any, many: RunningServer) -> None:
    open_docs(page, many.url)
    found = {}
    for text in ("model-7 infer", "strict", "penguins", "metrics", "nowhere"):
        page.fill("#filter", text)
        paths = page.locator(".route:visible .path").all_text_contents()
        found[text] = (paths, page.locator("#model option").all_text_contents())

    assert found["model-7 infer"] == (["/v2/models/model-7/infer", "/v2/models/model-7/versions/1/infer"], ["model-7"])
    assert all("/strict" in path for path in found["strict"][0])
    assert found["penguins"][1] == ["model-1", "model-3"]
    assert "/metrics" in found["metrics"][0]
    assert found["nowhere"][0] == []
    assert page.text_content("#found") == "Nothing is called so."


def test_a_contract_without_a_key_is_not_shown(page: Any, server: RunningServer) -> None:
    page.goto(f"{server.url}/docs")
    page.wait_for_selector("#key-form button:not([disabled])")

    assert page.locator(".route").count() == 0


def test_axe_finds_nothing_and_nothing_is_cut(page: Any, server: RunningServer) -> None:
    open_docs(page, server.url)
    card = open_route(page, "/v2/models/housing/infer")
    card.locator(".ask button").click()
    card.locator(".reply").wait_for()
    for part in (".schema", ".answer-schema"):
        card.locator(f"{part} summary").click()

    assert violations(page) == []
    assert cut(page) == []
