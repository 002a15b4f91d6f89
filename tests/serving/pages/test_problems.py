"""Refusals: pages for browsers, problems for all others."""

from typing import Any

import pytest
from running_server import KEY, RunningServer
from werkzeug.test import Client

from tests.serving.pages.browsing import cut, violations

pytestmark = pytest.mark.pages

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
HTML, PROBLEM = "text/html; charset=utf-8", "application/problem+json"


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing/here", 404), ("/models/nobody", 401), ("/monitor", 401), ("/predict", 401)]
)
def test_a_browser_gets_a_page(client: Client, path: str, status: int) -> None:
    answer = client.get(path, headers=BROWSER)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, HTML)
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Request-ID"] in answer.text


@pytest.mark.parametrize("path", ["/nothing/here", "/models/nobody", "/static/nothing.css"])
@pytest.mark.parametrize("accept", [{}, {"Accept": "*/*"}, {"Accept": "application/json, text/html;q=0.5"}])
def test_a_client_gets_a_problem(client: Client, path: str, accept: dict[str, str]) -> None:
    answer = client.get(path, headers=KEY | accept)

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)


def test_a_post_gets_a_problem_whatever_it_accepts(client: Client) -> None:
    answer = client.post("/predict", data=b"{", headers=KEY | BROWSER | {"Content-Type": "application/json"})

    assert answer.headers["Content-Type"] == PROBLEM


def test_a_page_tells_what_a_method_is_refused_for(client: Client) -> None:
    answer = client.get("/predict", headers=KEY | BROWSER)

    assert (answer.status_code, answer.headers["Content-Type"]) == (405, HTML)
    assert "POST" in answer.headers["Allow"]


def test_nothing_of_a_request_becomes_markup(client: Client) -> None:
    answer = client.get("/models/<b>x", headers=KEY | BROWSER)

    assert answer.status_code == 404
    assert "<b>x" not in answer.text
    assert "&lt;b&gt;x" in answer.text


@pytest.mark.parametrize("path", ["/nothing", "/nothing/at/all/", "/models/housing"])
def test_a_refusal_is_a_whole_page(page: Any, server: RunningServer, path: str) -> None:
    page.goto(f"{server.url}{path}")
    faults, lost = violations(page), cut(page)
    styled = page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius")
    page.click("main a")
    page.wait_for_selector("#key-form")

    assert (faults, lost, styled) == ([], [], "12px")
    assert page.url == f"{server.url}/"
