"""Starts a part of Airflow on Postgres: `start.py migrate | user | wait | api-server | scheduler | dag-processor | …`.

`migrate` brings the database to this version's schema, `user` makes the first user or sets its password again, `wait`
holds until the schema is there; every other word becomes `airflow <word>`. The database's address is put together
from MOLINO_DATABASE_HOST, _PORT, _SSLMODE and AIRFLOW_PASSWORD, so that a password is in one Secret alone.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from urllib.parse import quote

import psycopg2

PATIENCE_SECONDS = 300
SCHEMA_OF = ("apache-airflow-core", "apache-airflow-providers-fab")


def database_uri() -> str:
    """Return the SQLAlchemy address of Airflow's own database."""
    host, port = os.environ["MOLINO_DATABASE_HOST"], os.environ.get("MOLINO_DATABASE_PORT", "5432")
    mode = os.environ.get("MOLINO_DATABASE_SSLMODE", "prefer")
    password = quote(os.environ["AIRFLOW_PASSWORD"], safe="")
    return f"postgresql+psycopg2://airflow:{password}@{host}:{port}/airflow?sslmode={mode}"


def wait_for(what: str, ready: Callable[[], None]) -> None:
    """Call `ready` until it raises nothing.

    Raises:
        SystemExit: it still fails after five minutes; the message names the cause.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    shown = ""
    while True:
        try:
            return ready()
        except (psycopg2.Error, LookupError) as error:
            cause = str(error.args[0] if error.args else error).strip().splitlines()[0]
            if time.monotonic() > deadline:
                raise SystemExit(f"{what}: {cause}") from error
            if cause != shown:
                print(f"waiting for {what}: {cause}", flush=True)
                shown = cause
            time.sleep(1)


def versions() -> str:
    """Return what decides the schema."""
    return " ".join(f"{name} {metadata.version(name)}" for name in SCHEMA_OF)


def query(statement: str, *values: str) -> list[tuple[str, ...]]:
    """Run one statement on the database; return its rows."""
    connection = psycopg2.connect(database_uri().replace("+psycopg2", ""), connect_timeout=5)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def connect() -> None:
    """Ask the database something that it always knows."""
    query("SELECT 1")


def mark_migrated() -> None:
    """Note that the schema is that of these versions: to ask for it costs nothing, to ask Airflow costs seconds."""
    query("CREATE TABLE IF NOT EXISTS molino_migrated (versions text PRIMARY KEY)")
    query("INSERT INTO molino_migrated VALUES (%s) ON CONFLICT DO NOTHING", versions())


def check_migrated() -> None:
    """Look for the note.

    Raises:
        LookupError: it isn't there yet.
    """
    if not query("SELECT 1 FROM pg_tables WHERE tablename = 'molino_migrated'"):
        raise LookupError("the schema isn't there yet")
    if not query("SELECT 1 FROM molino_migrated WHERE versions = %s", versions()):
        raise LookupError(f"the schema isn't that of {versions()} yet")


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
    match sys.argv[1]:
        case "migrate":
            wait_for("the database", connect)
            airflow("db", "migrate")
            mark_migrated()
        case "user":
            wait_for("the migration", check_migrated)
            make_user()
        case "wait":
            wait_for("the migration", check_migrated)
        case _:
            os.execvp("airflow", ["airflow", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
