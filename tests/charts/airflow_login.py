"""Logs people in at a real Airflow, as its callback does, and prints their roles: run by an interpreter that has it."""

import json
import sys
from typing import Any

from airflow.providers.fab.www.app import create_app
from airflow.utils.db import initdb


def log_in(manager: Any, claims: dict[str, Any]) -> list[str] | None:
    """Return the roles of who brings these claims; none where the login is refused."""
    user = manager.auth_user_oauth(manager.oauth_user_info("openid", {"userinfo": claims}), rotate_session_id=False)
    return None if user is None else sorted(role.name for role in user.roles)


def main() -> None:
    """Print what becomes of each of the logins in turn, and whether a password is taken still."""
    initdb()
    app = create_app(enable_plugins=False)
    with app.test_request_context():
        manager = app.appbuilder.sm
        manager.sync_roles()
        manager.add_user("program", "", "", "program@molino.invalid", manager.find_role("Op"), password="of-a-program")
        found = [log_in(manager, claims) for claims in json.loads(sys.argv[1])]
        program = manager.auth_user_db("program", "of-a-program", rotate_session_id=False)
        login = app.test_client().get("/login/")
    told = {"roles": found, "program": program.username, "login": login.get_data(as_text=True)}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
