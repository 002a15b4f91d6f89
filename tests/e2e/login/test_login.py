"""Who logs in where, and what they may there."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.installed.installation import PASSWORD
from tests.e2e.installed.pages import LIMIT_MS, shoot
from tests.e2e.login.browsing import browse, log_in, sign_in, status_of
from tests.e2e.login.people import ADMIN, ENGINEER, GUEST, OTHER, Person
from tests.e2e.login.site import MODEL, PROXIED, SESSION_SECONDS, SHOWN, Programs, address

pytestmark = pytest.mark.usefixtures("released")
ALLOWED = pytest.mark.parametrize("person", [ADMIN, ENGINEER], ids=lambda person: person.email)
REFUSED = pytest.mark.parametrize("person", [OTHER, GUEST], ids=lambda person: person.email)


@pytest.mark.parametrize(
    ("person", "may"), [(ADMIN, 200), (ENGINEER, 403)], ids=lambda value: getattr(value, "email", None)
)
def test_airflow_lets_people_do_what_the_role_of_their_group_may(person: Person, may: int, browser: Browser) -> None:
    with browse(browser, person) as page:
        log_in(page, "airflow", person)
        page.goto(f"{address('airflow')}dags")
        expect(page.get_by_text(f"{MODEL}_model").first).to_be_visible(timeout=LIMIT_MS)
        assert [status_of(page, path) for path in ("/api/v2/dags", "/api/v2/connections")] == [200, may]
        shoot(page, f"login-airflow-{person.groups[0]}")


def test_airflow_knows_people_by_their_address_and_roles(programs: Programs, browser: Browser) -> None:
    for person in (ADMIN, ENGINEER):
        with browse(browser, person) as page:
            log_in(page, "airflow", person)
    users = programs.ask("airflow", "GET", "/auth/fab/v1/users", headers=programs.airflow_token()).json()["users"]
    found = {one["username"]: [role["name"] for role in one["roles"]] for one in users}
    assert {ADMIN.email: ["Admin"], ENGINEER.email: ["User"]}.items() <= found.items()
    assert not {OTHER.email, GUEST.email} & set(found)


@REFUSED
def test_airflow_refuses_who_is_in_none_of_the_groups(person: Person, browser: Browser) -> None:
    with browse(browser, person) as page:
        log_in(page, "airflow", person)
        expect(page.get_by_text("none of your groups has a role in Airflow")).to_be_visible(timeout=LIMIT_MS)
        shoot(page, "login-airflow-refused")
        assert status_of(page, "/api/v2/dags") == 401


@ALLOWED
@pytest.mark.parametrize("name", PROXIED)
def test_a_page_opens_for_who_is_in_a_group(name: str, person: Person, browser: Browser) -> None:
    with browse(browser, person) as page:
        log_in(page, name, person)
        expect(page.get_by_text(SHOWN[name]).first).to_be_visible(timeout=LIMIT_MS)
        shoot(page, f"login-{name}")


@REFUSED
@pytest.mark.parametrize("name", PROXIED)
def test_a_page_is_refused_to_who_is_in_none(name: str, person: Person, browser: Browser) -> None:
    with browse(browser, person) as page, page.expect_response(lambda one: "/oauth2/callback" in one.url) as waited:
        log_in(page, name, person)
        assert waited.value.status == 403
        expect(page.get_by_text("Forbidden").first).to_be_visible(timeout=LIMIT_MS)
        shoot(page, f"login-{name}-refused")
        page.goto(address(name))
        expect(sign_in(page, name)).to_be_visible()
        expect(page.get_by_text(SHOWN[name])).to_have_count(0)


@pytest.mark.parametrize("name", PROXIED)
def test_without_a_login_nothing_is_shown(name: str, browser: Browser) -> None:
    with browse(browser, ADMIN) as page:
        page.goto(address(name))
        expect(sign_in(page, name)).to_be_visible(timeout=LIMIT_MS)
        expect(page.get_by_text(SHOWN[name])).to_have_count(0)


def test_minio_asks_who_is_let_in_for_its_own_password_and_shows_the_buckets(browser: Browser) -> None:
    with browse(browser, ENGINEER) as page:
        log_in(page, "minio", ENGINEER)
        page.locator("#accessKey").fill("minio")
        page.locator("#secretKey").fill(PASSWORD)
        page.get_by_role("button", name="Login").click()
        expect(page.get_by_text("molino-dvc").first).to_be_visible(timeout=LIMIT_MS)
        shoot(page, "login-minio-buckets")


def test_mlflow_shows_the_model_that_was_registered(browser: Browser) -> None:
    with browse(browser, ENGINEER) as page:
        log_in(page, "mlflow", ENGINEER)
        page.goto(f"{address('mlflow')}#/models/{MODEL}")
        expect(page.get_by_text("champion").first).to_be_visible(timeout=LIMIT_MS)


def test_people_predict_without_a_key(browser: Browser) -> None:
    with browse(browser, ENGINEER) as page:
        log_in(page, "models", ENGINEER)
        expect(page.locator("#key-form")).to_be_hidden(timeout=LIMIT_MS)
        page.click(f"#{MODEL} .features button")
        page.wait_for_selector(f"#{MODEL} .moved")
        shoot(page, "login-models-predicted")


@pytest.mark.parametrize("name", PROXIED)
def test_a_login_lasts_as_long_as_the_values_say(name: str, browser: Browser) -> None:
    with browse(browser, ENGINEER) as page:
        log_in(page, name, ENGINEER)
        (cookie,) = (one for one in page.context.cookies() if one["name"].startswith("_molino_"))
        left = cookie["expires"] - page.evaluate("Date.now()") / 1000
        assert SESSION_SECONDS - 120 < left <= SESSION_SECONDS
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
