"""Who logs out is asked anew."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.installed.pages import LIMIT_MS
from tests.e2e.login.browsing import browse, log_in, sign_in
from tests.e2e.login.people import ENGINEER
from tests.e2e.login.site import PROXIED, address


@pytest.mark.parametrize("name", PROXIED)
def test_a_page_is_left_at_sign_out(name: str, browser: Browser) -> None:
    with browse(browser, ENGINEER) as page:
        log_in(page, name, ENGINEER)
        page.goto(f"{address(name)}oauth2/sign_out")
        expect(sign_in(page, name)).to_be_visible(timeout=LIMIT_MS)
        assert not [one for one in page.context.cookies() if one["name"].startswith("_molino_")]


def test_airflow_is_left_by_its_menu(browser: Browser) -> None:
    with browse(browser, ENGINEER) as page:
        log_in(page, "airflow", ENGINEER)
        page.get_by_role("button", name="User").click()
        page.get_by_role("menuitem", name="Logout").click()
        page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
        expect(sign_in(page, "airflow")).to_be_visible(timeout=LIMIT_MS)
        page.goto(address("airflow"))
        expect(sign_in(page, "airflow")).to_be_visible(timeout=LIMIT_MS)
