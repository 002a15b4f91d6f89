"""What a person does in a browser first."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, HttpCredentials, Page, StorageState, ViewportSize, expect

from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import USER, Installation

LIMIT_MS = 60_000
WINDOW: ViewportSize = {"width": 1440, "height": 900}


@contextmanager
def open_page(browser: Browser, password: str | None = None, state: StorageState | None = None) -> Iterator[Page]:
    """Hand out an empty page, and close it afterwards: Airflow's asks its server on and on.

    Args:
        browser: Where to open it.
        password: Answers the browser's own question for one.
        state: Cookies of a page from before.
    """
    credentials: HttpCredentials | None = {"username": USER, "password": password} if password else None
    with browser.new_context(viewport=WINDOW, http_credentials=credentials, storage_state=state) as context:
        page = context.new_page()
        page.set_default_timeout(LIMIT_MS)
        yield page


def shoot(page: Page, name: str) -> None:
    """Keep a picture for the README where MOLINO_SCREENSHOTS names a folder."""
    folder = os.environ.get("MOLINO_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def log_in_to_airflow(page: Page, port: int, password: str) -> None:
    page.goto(f"http://127.0.0.1:{port}/")
    page.locator("input[name=username]").fill(USER)
    page.locator("input[name=password]").fill(password)
    page.locator("input[type=submit], button[type=submit]").first.click()


def press_trigger(installation: Installation, airflow: Airflow, browser: Browser, state: StorageState) -> str:
    """Start a run of housing's model DAG by its button, with a candidate that is named in the form; return its id."""
    known = airflow.run_ids("housing_model")
    with (
        installation.forward("airflow-api-server", 8080) as port,
        open_page(browser, state=state) as page,
    ):
        page.goto(f"http://127.0.0.1:{port}/dags/housing_model")
        page.get_by_role("button", name="Trigger").first.click()
        form = page.get_by_role("dialog")
        form.locator("#element_candidates").fill("linear")
        form.get_by_role("button", name="Trigger").click()
        expect(form).to_be_hidden(timeout=LIMIT_MS)
    return airflow.next_run("housing_model", known)
