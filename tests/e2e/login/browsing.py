"""What a person does in the browser to log in."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, HttpCredentials, Locator, Page

from tests.e2e.installed.pages import LIMIT_MS, WINDOW
from tests.e2e.login import provider
from tests.e2e.login.people import PASSWORD, Person
from tests.e2e.login.site import address

SIGN_IN = "Sign in with OpenID"
"""The button of the proxies' page for who isn't logged in."""


@contextmanager
def browse(browser: Browser, person: Person) -> Iterator[Page]:
    """Hand out an empty page of a browser without cookies, that knows the person's password of the directory."""
    login: HttpCredentials = {"username": person.email, "password": PASSWORD, "origin": f"https://{provider.HOST}"}
    with browser.new_context(viewport=WINDOW, http_credentials=login, ignore_https_errors=True) as context:
        page = context.new_page()
        page.set_default_timeout(LIMIT_MS)
        yield page


def sign_in(page: Page, name: str) -> Locator:
    """Return the button by which a page leads to the provider."""
    return page.locator("#btn-signin-openid") if name == "airflow" else page.get_by_role("button", name=SIGN_IN)


def log_in(page: Page, name: str, person: Person) -> None:
    """Open a page of Molino, and log in at the provider, to which it leads.

    Args:
        page: Of the browser.
        name: One of `site.HOSTS`.
        person: Who it is.
    """
    page.goto(address(name))
    sign_in(page, name).click()
    prove(page, person)


def prove(page: Page, person: Person) -> None:
    """Say at the provider who one is."""
    page.wait_for_url(f"https://{provider.HOST}/**")
    page.get_by_role("button", name="Log in with the directory" if person.groups else "Log in with Email").click()
    if not person.groups:
        page.locator("input[name=login]").fill(person.email)
        page.locator("input[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Login").click()
    page.wait_for_url(lambda url: not url.startswith(f"https://{provider.HOST}/"))


def status_of(page: Page, path: str) -> int:
    """Return how the server answers the page itself."""
    status: int = page.evaluate("async (path) => (await fetch(path)).status", path)
    return status
