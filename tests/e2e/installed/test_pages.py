"""The pages that people open, in a real browser, through `kubectl port-forward` as NOTES.txt says."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    Error,
    HttpCredentials,
    Page,
    StorageState,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.e2e.installed.installation import KEY, Installation

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
USER, PASSWORD = "admin", "mercadolibre"
LIMIT_MS = 60_000
WINDOW: ViewportSize = {"width": 1440, "height": 900}
pytestmark = pytest.mark.usefixtures("first", "killed_scheduler", "beside")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


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


@pytest.fixture(scope="module")
def signed_in(installation: Installation, browser: Browser) -> StorageState:
    """The cookies of who has logged in to Airflow."""
    with installation.forward("airflow-api-server", 8080) as port, open_page(browser) as page:
        log_in_to_airflow(page, port, PASSWORD)
        page.get_by_role("link", name="Dags").first.wait_for()
        return page.context.storage_state()


def test_airflow_shows_its_dags(installation: Installation, browser: Browser, signed_in: StorageState) -> None:
    with (
        installation.forward("airflow-api-server", 8080) as port,
        open_page(browser, state=signed_in) as page,
    ):
        page.goto(f"http://127.0.0.1:{port}/dags/housing_model")
        expect(page.get_by_text("evaluate").first).to_be_visible(timeout=LIMIT_MS)
        page.wait_for_load_state("networkidle")
        shoot(page, "airflow")


def test_airflow_refuses_a_wrong_password(installation: Installation, browser: Browser) -> None:
    with installation.forward("airflow-api-server", 8080) as port, open_page(browser) as page:
        log_in_to_airflow(page, port, "wrong")
        expect(page.get_by_text("Invalid login")).to_be_visible(timeout=LIMIT_MS)


def test_the_log_of_a_step_is_read_in_airflow(
    installation: Installation, browser: Browser, signed_in: StorageState
) -> None:
    with (
        installation.forward("airflow-api-server", 8080) as port,
        open_page(browser, state=signed_in) as page,
    ):
        page.goto(f"http://127.0.0.1:{port}/dags/housing_data")
        page.locator("a[href*='/runs/'][href$='/tasks/ingest']").first.click()
        expect(page.get_by_text("rows_read").first).to_be_visible(timeout=LIMIT_MS)
        page.mouse.move(WINDOW["width"] - 1, WINDOW["height"] - 1)  # off the task, whose box hides the log
        shoot(page, "airflow-log")


def test_mlflow_shows_the_registered_model(installation: Installation, browser: Browser) -> None:
    with installation.forward("mlflow", 5000) as port, open_page(browser, PASSWORD) as page:
        page.goto(f"http://127.0.0.1:{port}/#/models/housing")
        expect(page.get_by_text("champion").first).to_be_visible(timeout=LIMIT_MS)
        shoot(page, "mlflow")


def test_tensorboard_shows_the_training(installation: Installation, browser: Browser) -> None:
    with installation.forward("tensorboard", 8090) as port, open_page(browser, PASSWORD) as page:
        page.goto(f"http://127.0.0.1:{port}/")
        expect(page.get_by_text("loss/validation").first).to_be_visible(timeout=LIMIT_MS)
        page.wait_for_load_state("networkidle")
        shoot(page, "tensorboard")


def log_in_to_minio(page: Page, port: int, password: str) -> None:
    page.goto(f"http://127.0.0.1:{port}/login")
    page.locator("#accessKey").fill("minio")
    page.locator("#secretKey").fill(password)
    page.get_by_role("button", name="Login").click()


def test_minio_shows_the_buckets(installation: Installation, browser: Browser) -> None:
    with installation.forward("minio", 9001) as port, open_page(browser) as page:
        log_in_to_minio(page, port, PASSWORD)
        page.get_by_role("button", name="Acknowledge").click()  # of MinIO's licence
        for name in ("molino-dvc", "releases"):  # a bucket, and a prefix of the first one
            expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=LIMIT_MS)
        shoot(page, "minio")


def test_minio_refuses_a_wrong_password(installation: Installation, browser: Browser) -> None:
    with installation.forward("minio", 9001) as port, open_page(browser) as page:
        with page.expect_response(
            lambda answer: answer.url.endswith("/api/v1/login") and answer.request.method == "POST"
        ) as waited:
            log_in_to_minio(page, port, "wrong-password")
        assert waited.value.status == 401


def test_the_serving_page_answers(installation: Installation, browser: Browser) -> None:
    with open_page(browser) as page:
        page.goto(f"http://{installation.cluster.address}/")
        page.fill("#key", KEY)
        page.click("#key-form button")
        page.click("#housing .features button")
        page.wait_for_selector("#housing .answer:not([hidden])")
        shoot(page, "serving")


ASKING = pytest.mark.parametrize(("service", "port"), [("mlflow", 5000), ("tensorboard", 8090)])
"""The pages for which the browser itself asks for the password."""


@ASKING
def test_a_page_without_a_password_is_refused(
    service: str, port: int, installation: Installation, browser: Browser
) -> None:
    with (
        installation.forward(service, port) as local,
        open_page(browser) as page,
        pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"),
    ):
        page.goto(f"http://127.0.0.1:{local}/")


@ASKING
def test_a_page_with_a_wrong_password_is_refused(
    service: str, port: int, installation: Installation, browser: Browser
) -> None:
    with installation.forward(service, port) as local, open_page(browser, "wrong") as page:
        answer = page.goto(f"http://127.0.0.1:{local}/")
    assert answer
    assert answer.status == 401
