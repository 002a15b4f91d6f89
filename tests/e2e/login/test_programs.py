"""Programs, which the login of people is nothing to: they go on with passwords and keys."""

import pytest
from urllib3.util import make_headers

from tests.e2e.installed.installation import KEY, PASSWORD, USER
from tests.e2e.login.site import MODEL, Programs

pytestmark = pytest.mark.usefixtures("released")
BASIC = make_headers(basic_auth=f"{USER}:{PASSWORD}")
SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"


def test_airflow_gives_a_token_for_a_password(programs: Programs) -> None:
    assert programs.ask("airflow", "GET", "/api/v2/dags", headers=programs.airflow_token()).status == 200
    wrong = {"username": USER, "password": "wrong"}
    assert programs.ask("airflow", "POST", "/auth/token", json=wrong).status == 401


def test_mlflow_takes_a_password_at_its_api(programs: Programs) -> None:
    assert programs.ask("mlflow", "GET", SEARCH, headers=BASIC).status == 200
    assert programs.ask("mlflow", "GET", SEARCH).status == 401


def test_a_password_is_no_login_at_mlflows_pages(programs: Programs) -> None:
    answer = programs.ask("mlflow", "GET", "/", headers={**BASIC, "Accept": "text/html"})
    assert b"oauth2/start" in answer.data


def test_serving_takes_keys_at_its_own_host(programs: Programs) -> None:
    assert programs.ask("api", "GET", f"/models/{MODEL}", headers={"X-API-KEY": KEY}).status == 200
    assert programs.ask("api", "GET", f"/models/{MODEL}").status == 401


@pytest.mark.parametrize("headers", [{}, {"X-API-KEY": KEY}, {"X-Forwarded-User": "ada@example.com"}], ids=str)
def test_the_host_for_people_takes_no_key(headers: dict[str, str], programs: Programs) -> None:
    answer = programs.ask("models", "GET", f"/models/{MODEL}", headers=headers)
    assert answer.status in (401, 403)
    assert b"lineage" not in answer.data
