"""Who logs in at a real Airflow, by the settings that the chart gives its API server, and with which roles."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rendering import INGRESSES, LOGIN, ROOT, pods, render

SCRIPT = Path(__file__).parent / "airflow_login.py"
ROLES = ("oidc.airflow.roles.Admin={admins}", "oidc.airflow.roles.Viewer={admins,users}")
ADA, BOB = {"email": "ada@example.com", "email_verified": True}, {"email": "bob@example.com", "email_verified": True}
LOGINS: dict[str, tuple[dict[str, Any], list[str] | None]] = {
    "an admin has the roles of all groups": ({**ADA, "groups": ["admins", "others"]}, ["Admin", "Viewer"]),
    "who has left the group has lost its role": ({**ADA, "groups": ["users"]}, ["Viewer"]),
    "who has left all is refused": ({**ADA, "groups": []}, None),
    "who is in none of the groups is refused": ({**BOB, "groups": ["others"]}, None),
    "a single group may be a word": ({**BOB, "groups": "users"}, ["Viewer"]),
    "an address that the provider hasn't verified is nobody's": (
        {"email": "eve@example.com", "email_verified": False, "groups": ["admins"]},
        None,
    ),
}


@pytest.fixture(scope="module")
def logged_in(tmp_path_factory: pytest.TempPathFactory) -> Any:
    python = os.environ.get("MOLINO_TEST_AIRFLOW")
    if not python:
        pytest.skip("no Airflow to log in at: MOLINO_TEST_AIRFLOW names no Python that has images/airflow's lock")
    documents = render("defaults", *INGRESSES, *LOGIN, *ROLES)
    (spec,) = (spec for name, spec, _ in pods(documents) if name == "Deployment/molino-airflow-api-server")
    given = {one["name"]: one["value"] for one in spec["containers"][0]["env"] if "value" in one}
    environment = {
        **os.environ,
        **{name: value for name, value in given.items() if name.startswith(("AIRFLOW__", "MOLINO_OIDC"))},
        "AIRFLOW__FAB__CONFIG_FILE": str(ROOT / "images" / "airflow" / Path(given["AIRFLOW__FAB__CONFIG_FILE"]).name),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow-login")),
        "MOLINO_OIDC_CLIENT_SECRET": "of-the-client",
    }
    command = [python, SCRIPT, json.dumps([claims for claims, _ in LOGINS.values()])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("login", LOGINS)
def test_roles_follow_the_groups(login: str, logged_in: Any) -> None:
    assert logged_in["roles"][list(LOGINS).index(login)] == LOGINS[login][1]


def test_a_program_keeps_its_password(logged_in: Any) -> None:
    assert logged_in["program"] == "program"


def test_the_page_leads_to_the_provider(logged_in: Any) -> None:
    assert "btn-signin-openid" in logged_in["login"]
