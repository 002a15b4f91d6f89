"""The page of the models, in a real browser, on a desktop's and on a phone's width."""

import json
from pathlib import Path
from typing import Any

import pytest
from bundles import HOUSING_ROW
from running_server import RunningServer, run_server

from tests.serving.pages.browsing import cut, enter_key, open_home, violations

pytestmark = pytest.mark.pages


def predict(page: Any, model: str) -> None:
    page.click(f"#{model} .features button")
    page.wait_for_selector(f"#{model} .answer:not(.stale)")
    page.wait_for_selector(f"#{model} .moved")


def test_a_model_is_tried_by_its_form(page: Any, server: RunningServer, housing_body: bytes) -> None:
    open_home(page, server.url)
    page.click("#housing .features button")
    page.wait_for_selector("#housing .answer:not([hidden])")
    shown = page.text_content("#housing .answer .value")

    expected = server.ask("POST", "/predict", housing_body).json["predictions"][0]
    assert float(shown.split()[0]) == pytest.approx(expected, rel=1e-5)
    assert cut(page) == []


def test_a_classification_shows_its_probabilities(page: Any, server: RunningServer) -> None:
    open_home(page, server.url)
    page.click("#penguins .try > summary")
    page.select_option("#penguins-island", "Dream")
    page.click("#penguins .features button")
    page.wait_for_selector("#penguins .shares .share")

    assert page.locator("#penguins .shares .share").count() == 3
    assert cut(page) == []


def test_bars_show_what_moved_an_answer_the_strongest_first(page: Any, server: RunningServer) -> None:
    open_home(page, server.url)
    predict(page, "housing")
    bars = page.locator("#housing .bars .share")
    told = server.ask("POST", "/explain", json.dumps({"data": [HOUSING_ROW]}).encode()).json["explanations"][0]
    amounts = [float(bar.replace("−", "-")) for bar in bars.locator(".amount").all_text_contents()]
    widths = [box["width"] for box in (bar.bounding_box() for bar in bars.locator(".filled").all())]
    ranked = sorted(told["contributions"], key=lambda name: -abs(told["contributions"][name]))

    assert bars.locator("span:first-child").all_text_contents()[::2][:3] == ranked[:3]
    assert sum(amounts) == pytest.approx(told["value"] - told["base"], abs=0.05 * max(map(abs, amounts)))
    assert widths == sorted(widths, reverse=True)


def test_an_answer_greys_out_when_its_inputs_change(page: Any, server: RunningServer) -> None:
    open_home(page, server.url)
    predict(page, "housing")
    page.fill("#housing-zn", "30")

    assert "have changed" in page.text_content("#housing .answer.stale .stale-note:not([hidden])")
    predict(page, "housing")
    assert page.is_hidden("#housing .stale-note")


def test_a_refused_value_is_told_beside_the_form(page: Any, server: RunningServer) -> None:
    open_home(page, server.url)
    page.fill("#housing-crim", "1e31")
    page.click("#housing .features button")
    page.wait_for_selector("#housing .refused:not([hidden])")

    assert "feature crim" in page.text_content("#housing .refused")


def test_a_value_out_of_range_is_told_at_once(page: Any, server: RunningServer, many: RunningServer) -> None:
    open_home(page, server.url)
    page.fill("#housing-zn", "120")
    page.click("#penguins .try > summary")
    page.fill("#penguins-year", "1999")
    said = [page.text_content(f"#{field}-wrong") for field in ("housing-zn", "housing-crim", "penguins-year")]
    open_home(page, many.url)
    page.click("#strict > summary")
    page.click("#strict .try > summary")
    page.fill("#strict-zn", "-1")
    refused = page.text_content("#strict-zn-wrong")
    page.fill("#strict-zn", "1")

    assert said[0] == "Out of range (0 to 100): the answer is a guess."
    assert (said[1], "2000 to" in said[2]) == ("", True)
    assert refused == "Out of range: 0 to 100 is taken."
    assert page.text_content("#strict-zn-wrong") == ""


def test_metrics_have_names_and_units(page: Any, server: RunningServer) -> None:
    open_home(page, server.url)
    page.wait_for_selector("#penguins .metrics li")
    first, *_ = page.locator("#housing .metrics li").all_inner_texts()

    assert first.split("\n") == ["Root mean squared error", "3.1 1000 USD", "2.7 to 3.6, lower is better"]
    assert "Accuracy\n99 %\n96 to 100" in page.inner_text("#penguins .metrics")


def test_fields_of_a_line_stand_at_one_height(page: Any, server: RunningServer) -> None:
    open_home(page, server.url)
    tops = page.evaluate("""() => [...document.querySelectorAll("#housing .field")].map((field) =>
        [field, ...field.querySelectorAll("label, input, select")].map((part) => part.getBoundingClientRect().top))""")
    lines = {field: {tuple(others) for top, *others in tops if top == field} for field, *_ in tops}

    assert len(lines) < len(tops)
    assert all(len(heights) == 1 for heights in lines.values())


def test_drift_is_sorted_and_told_with_window_and_rows_and_follows(page: Any, many: RunningServer) -> None:
    name = {1280: "model-0", 390: "model-2"}[page.viewport_size["width"]]
    body = json.dumps({"data": [HOUSING_ROW] * 100}).encode()
    for _ in range(6):
        many.ask("POST", f"/models/{name}/predict", body)
    open_home(page, many.url)
    page.click(f"#{name} > summary")
    page.click(f"#{name} .usage > summary")
    caption = page.locator(f"#{name} caption")
    caption.get_by_text("in the last hour, 600 rows").wait_for()
    levels = page.locator(f"#{name} .level").all_text_contents()
    indexes = [float(text) for text in page.locator(f"#{name} tbody td:nth-child(3)").all_text_contents()]
    colours = page.evaluate(
        f"[...document.querySelectorAll('#{name} .level')].map((level) => getComputedStyle(level).backgroundColor)"
    )
    faults, lost = violations(page), cut(page)
    many.ask("POST", f"/models/{name}/predict", body)
    caption.get_by_text("700 rows").wait_for()

    assert (levels[0], levels[-1]) == ("major", "none")
    assert indexes == sorted(indexes, reverse=True)
    assert colours[0] != colours[-1]
    assert (faults, lost) == ([], [])


def test_many_models_are_a_list_to_filter(page: Any, many: RunningServer) -> None:
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url.removeprefix(many.url)))
    open_home(page, many.url)
    told_of = [path for path in asked if path.startswith("/models/")]
    page.fill("#filter", "MODEL-7 boston")
    shown = page.locator(".model:visible")

    assert (told_of, shown.count()) == ([], 1)
    assert page.text_content("#found") == "1 of 12 models"
    shown.locator("summary").first.click()
    page.click("#model-7 .try > summary")
    predict(page, "model-7")
    page.fill("#filter", "")
    assert page.locator(".model:visible").count() == 12


def test_few_models_have_no_filter(page: Any, server: RunningServer) -> None:
    open_home(page, server.url)

    assert page.is_hidden("#filter")


def test_the_key_is_asked_for_in_words_and_kept_for_the_session(page: Any, server: RunningServer) -> None:
    page.goto(server.url)
    page.wait_for_selector("#key-form")
    asked = page.inner_text("#key-form")
    faults = violations(page)
    enter_key(page)
    page.wait_for_selector("#models .model")
    page.reload()
    page.wait_for_selector("#models .model")

    assert "API key" in asked.split("\n")[0]
    assert faults == []
    assert page.is_hidden("#key-form")
    assert page.evaluate("localStorage.length") == 0


def test_the_key_can_be_changed_and_forgotten(page: Any, server: RunningServer) -> None:
    open_home(page, server.url)
    page.click("#key-change")
    enter_key(page, "wrong")
    page.wait_for_selector("#key-problem:not([hidden])")
    refused = page.text_content("#key-problem")
    enter_key(page)
    page.click("#key-forget")
    page.wait_for_selector("#key-form")

    assert "valid key" in refused
    assert page.evaluate("sessionStorage.length") == 0
    assert page.locator(".model").count() == 0


def test_a_key_that_is_no_longer_taken_is_asked_for_again(page: Any, server: RunningServer) -> None:
    open_home(page, server.url)
    page.wait_for_selector("#housing .features button")
    page.evaluate("sessionStorage.setItem('molino-key', 'taken-back')")
    page.click("#housing .features button")
    page.wait_for_selector("#key-form")

    assert "valid key" in page.text_content("#key-problem")


def test_a_token_is_sent_as_one(page: Any, server: RunningServer) -> None:
    page.goto(server.url)
    page.wait_for_selector("#key-form")
    with page.expect_request(lambda sent: "authorization" in sent.headers) as waited:
        enter_key(page, "eyJhbGciOiJub25lIn0.e30.c2ln")

    assert waited.value.headers["authorization"] == "Bearer eyJhbGciOiJub25lIn0.e30.c2ln"


def test_a_server_that_asks_for_no_key_is_asked_without(page: Any, releases: Path, tmp_path: Path) -> None:
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_AUTH="off", MOLINO_SERVING_WORKERS=1) as running:
        page.goto(running.url)
        page.wait_for_selector("#models .model")

        assert page.is_hidden("#key-form")
        assert page.is_hidden("#key-held")


def test_axe_finds_nothing_and_nothing_is_cut(page: Any, server: RunningServer) -> None:
    open_home(page, server.url)
    page.fill("#housing-zn", "120")
    predict(page, "housing")
    page.click("#penguins .try > summary")
    predict(page, "penguins")
    page.fill("#penguins-year", "2005")
    for part in ("#penguins .lineage", "#penguins .curling", "#housing .curling"):
        page.click(f"{part} > summary")

    assert violations(page) == []
    assert cut(page) == []


def test_axe_finds_nothing_in_a_list_of_models(page: Any, many: RunningServer) -> None:
    open_home(page, many.url)

    assert violations(page) == []
    assert cut(page) == []
