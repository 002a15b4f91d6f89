"""The pages that people open, in a real browser, through `kubectl port-forward` as NOTES.txt says."""

import pytest
from playwright.sync_api import Browser, Error, Page, StorageState, expect

from tests.e2e.installed.installation import KEY, PASSWORD, Installation
from tests.e2e.installed.pages import LIMIT_MS, WINDOW, log_in_to_airflow, open_page, shoot

pytestmark = pytest.mark.usefixtures("first", "killed_scheduler", "beside", "by_hand")


def test_airflow_shows_its_dags(installation: Installation, browser: Browser, signed_in: StorageState) -> None:
    with (
        installation.forward("airflow-api-server", 8080) as port,
        open_page(browser, state=signed_in) as page,
    ):
        page.goto(f"http://127.0.0.1:{port}/dags/housing_model")
        expect(page.get_by_text("evaluate").first).to_be_visible(timeout=LIMIT_MS)
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
        page.goto(f"http://{installation.cluster.host}/")
        page.fill("#key", KEY)
        page.click("#key-form button")
        page.click("#housing .features button")
        page.wait_for_selector("#housing .moved")
        page.set_viewport_size({"width": 1440, "height": 1400})
        shoot(page, "serving")


def status_of(page: Page, url: str) -> int:
    """Return how a page is answered; a browser with a window, which would ask for a password, makes an error of it."""
    try:
        answer = page.goto(url)
    except Error as error:
        if "ERR_INVALID_AUTH_CREDENTIALS" not in str(error):
            raise
        return 401
    assert answer
    return answer.status


ASKING = pytest.mark.parametrize(("service", "port"), [("mlflow", 5000), ("tensorboard", 8090)])
"""The pages for which the browser itself asks for the password."""


@ASKING
def test_a_page_without_a_password_is_refused(
    service: str, port: int, installation: Installation, browser: Browser
) -> None:
    with installation.forward(service, port) as local, open_page(browser) as page:
        assert status_of(page, f"http://127.0.0.1:{local}/") == 401


@ASKING
def test_a_page_with_a_wrong_password_is_refused(
    service: str, port: int, installation: Installation, browser: Browser
) -> None:
    with installation.forward(service, port) as local, open_page(browser, "wrong") as page:
        answer = page.goto(f"http://127.0.0.1:{local}/")
    assert answer
    assert answer.status == 401
