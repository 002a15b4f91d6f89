"""Starts a part of Airflow on Postgres: `start.py migrate | user | wait | api-server | scheduler | dag-processor | …`.

`migrate` brings the database to this version's schema, `user` makes the first user or sets its password again, `wait`
holds until both can be relied on; every other word becomes `airflow <word>`. The database's address is put together
from MOLINO_DATABASE_HOST, _PORT, _SSLMODE and AIRFLOW_PASSWORD, so that a password is in one Secret alone.
"""

import os
import socket
import subprocess
import sys
import time
from urllib.parse import quote

PATIENCE_SECONDS = 300


def database_uri() -> str:
    """Return the SQLAlchemy address of Airflow's own database."""
    host, port = os.environ["MOLINO_DATABASE_HOST"], os.environ.get("MOLINO_DATABASE_PORT", "5432")
    mode = os.environ.get("MOLINO_DATABASE_SSLMODE", "prefer")
    password = quote(os.environ["AIRFLOW_PASSWORD"], safe="")
    return f"postgresql+psycopg2://airflow:{password}@{host}:{port}/airflow?sslmode={mode}"


def wait_for_database() -> None:
    """Hold until the database lets us in.

    Raises:
        SystemExit: it doesn't in five minutes; the message names the cause.
    """
    import psycopg2

    deadline = time.monotonic() + PATIENCE_SECONDS
    shown = ""
    while True:
        try:
            psycopg2.connect(database_uri().replace("+psycopg2", ""), connect_timeout=5).close()
            return
        except psycopg2.OperationalError as error:
            cause = str(error).strip().splitlines()[0]
            if time.monotonic() > deadline:
                raise SystemExit(f"the database: {cause}") from error
            if cause != shown:
                print(f"waiting for the database: {cause}", flush=True)
                shown = cause
            time.sleep(1)


def airflow(*arguments: str) -> None:
    """Run a command of Airflow to its end.

    Raises:
        SystemExit: it failed; it has said why.
    """
    code = subprocess.run(["airflow", *arguments], check=False).returncode
    if code:
        raise SystemExit(f"airflow {arguments[0]} {arguments[1]} exits with {code}")


def make_user() -> None:
    """Make the first user, or set its password to what the Secret says now."""
    username, password = os.environ["MOLINO_USERNAME"], os.environ["MOLINO_PASSWORD"]
    airflow(
        "users", "create", "--role", "Admin", "--username", username, "--password", password,
        "--firstname", "Molino", "--lastname", "Admin", "--email", f"{username}@molino.invalid",
    )  # fmt: skip
    airflow("users", "reset-password", "--username", username, "--password", password)


def main() -> None:
    """Do what the first argument says."""
    if len(sys.argv) < 2:
        raise SystemExit("start.py: say migrate, user, wait, or a command of airflow")
    uri = database_uri()
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = uri
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] = uri.replace("+psycopg2", "+asyncpg").replace(
        "?sslmode=", "?ssl="
    )
    os.environ.setdefault("HOSTNAME", socket.gethostname())
    match sys.argv[1]:
        case "migrate":
            wait_for_database()
            airflow("db", "migrate")
        case "user":
            wait_for_database()
            airflow("db", "check-migrations", "--migration-wait-timeout", str(PATIENCE_SECONDS))
            make_user()
        case "wait":
            wait_for_database()
            airflow("db", "check-migrations", "--migration-wait-timeout", str(PATIENCE_SECONDS))
        case _:
            os.execvp("airflow", ["airflow", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
