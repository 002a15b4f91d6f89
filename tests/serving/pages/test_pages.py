"""The pages, in a real browser, on a desktop's and on a phone's width."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from running_server import RunningServer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
WIDTHS = {"desktop": {"width": 1200, "height": 900}, "phone": {"width": 390, "height": 844}}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(params=sorted(WIDTHS))
def page(browser: Any, request: pytest.FixtureRequest, server: RunningServer) -> Iterator[Any]:
    """A page whose every request must go to the server itself, and whose scripts must not fail."""
    context = browser.new_context(viewport=WIDTHS[request.param])
    made = context.new_page()
    made.strayed = []
    made.on("request", lambda sent: sent.url.startswith(server.url) or made.strayed.append(sent.url))
    made.on("pageerror", lambda error: made.strayed.append(str(error)))
    made.set_default_timeout(15_000)
    yield made
    context.close()
    assert made.strayed == []


def enter_key(page: Any, key: str = "mercadolibre") -> None:
    page.fill("#key", key)
    page.click("#key-form button")


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_model_is_tried_by_its_form(page: Any, server: RunningServer, housing_body: bytes) -> None:
    page.goto(server.url)
    enter_key(page)
    page.click("#housing .features button")
    page.wait_for_selector("#housing .answer:not([hidden])")
    shown = page.text_content("#housing .answer .value")

    expected = server.ask("POST", "/predict", housing_body).json["predictions"][0]
    assert float(shown.split()[0]) == pytest.approx(expected, rel=1e-5)
    assert fits(page)


def test_a_classification_shows_its_probabilities(page: Any, server: RunningServer) -> None:
    page.goto(server.url)
    enter_key(page)
    page.click("#penguins .try > summary")
    page.select_option("#penguins-island", "Dream")
    page.click("#penguins .features button")
    page.wait_for_selector("#penguins .share")

    assert page.locator("#penguins .share").count() == 3
    assert fits(page)


def test_a_refused_value_is_told_beside_the_form(page: Any, server: RunningServer) -> None:
    page.goto(server.url)
    enter_key(page)
    page.fill("#housing-crim", "1e31")
    page.click("#housing .features button")
    page.wait_for_selector("#housing .refused:not([hidden])")

    assert "feature crim" in page.text_content("#housing .refused")


def test_a_wrong_key_is_told(page: Any, server: RunningServer) -> None:
    page.goto(server.url)
    enter_key(page, "wrong")
    page.wait_for_selector("#key-problem:not([hidden])")

    assert "valid key" in page.text_content("#key-problem")


def test_a_route_is_tried_on_the_docs_page(page: Any, server: RunningServer) -> None:
    page.goto(f"{server.url}/docs")
    page.wait_for_selector("#key-form button:not([disabled])")
    assert page.locator(".route").count() == 0
    enter_key(page)
    page.wait_for_selector("#key-form", state="hidden")
    card = page.locator(".route", has=page.locator(".path", has_text="/models/penguins/predict"))
    card.locator("summary").first.click()
    card.locator(".ask button").click()
    card.locator(".reply").wait_for()

    assert "probabilities" in card.locator(".reply").text_content()
    assert fits(page)
