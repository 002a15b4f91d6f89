"""A login that has ended by itself leads to the next."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.cluster.waits import until
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.pages import LIMIT_MS, shoot
from tests.e2e.login.browsing import browse, log_in, prove, sign_in, status_of
from tests.e2e.login.people import ENGINEER
from tests.e2e.login.site import PROXIED, SHOWN, upgrade

SECONDS = 20
AIRFLOW_LIMIT_MS = 120_000
"""Airflow counts whole minutes."""


@pytest.fixture(scope="module", autouse=True)
def short(installation: Installation) -> Iterator[None]:
    """Logins that last some seconds, as long as these scenarios take."""
    upgrade(installation, SECONDS)
    yield
    upgrade(installation)


@pytest.mark.parametrize("name", PROXIED)
def test_a_page_asks_again_and_leads_back(name: str, browser: Browser) -> None:
    with browse(browser, ENGINEER) as page:
        log_in(page, name, ENGINEER)
        expect(page.get_by_text(SHOWN[name]).first).to_be_visible(timeout=LIMIT_MS)
        until("the end of the login", lambda: status_of(page, "/") in (401, 403), 4 * SECONDS)
        page.reload()
        shoot(page, f"login-{name}-expired")
        sign_in(page, name).click()
        prove(page, ENGINEER)
        expect(page.get_by_text(SHOWN[name]).first).to_be_visible(timeout=LIMIT_MS)


def test_airflow_asks_again_while_its_page_is_open(browser: Browser) -> None:
    with browse(browser, ENGINEER) as page:
        log_in(page, "airflow", ENGINEER)
        shown = page.get_by_role("link", name="Dags").first
        expect(shown).to_be_visible(timeout=LIMIT_MS)
        expect(sign_in(page, "airflow")).to_be_visible(timeout=AIRFLOW_LIMIT_MS)
        shoot(page, "login-airflow-expired")
        sign_in(page, "airflow").click()
        prove(page, ENGINEER)
        expect(shown).to_be_visible(timeout=LIMIT_MS)
