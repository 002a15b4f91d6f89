"""Runs MLflow's tracking server with basic auth on Postgres: `server.py migrate | wait | serve`.

`migrate` brings both databases (tracking and users) to this version's schema, `wait` holds until that is done, `serve`
becomes the server. Settings come from the environment: MOLINO_DATABASE_HOST, _PORT, _SSLMODE, MLFLOW_PASSWORD and
MLFLOW_AUTH_PASSWORD (of the database users), MOLINO_ARTIFACTS (an s3:// address) and MOLINO_ALLOWED_HOSTS.
"""

import os
import sys
import time
from pathlib import Path
from urllib.parse import quote

PATIENCE_SECONDS = 300
AUTH_CONFIG = Path("/tmp/basic_auth.ini")  # noqa: S108  # the pod's own emptyDir


def database_uri(user: str, password: str) -> str:
    """Return the SQLAlchemy address of a service's own database."""
    host, port = os.environ["MOLINO_DATABASE_HOST"], os.environ.get("MOLINO_DATABASE_PORT", "5432")
    mode = os.environ.get("MOLINO_DATABASE_SSLMODE", "prefer")
    return f"postgresql+psycopg2://{user}:{quote(password, safe='')}@{host}:{port}/{user}?sslmode={mode}"


def tracking_uri() -> str:
    """Return the address of the tracking database."""
    return database_uri("mlflow", os.environ["MLFLOW_PASSWORD"])


def auth_uri() -> str:
    """Return the address of the database of users."""
    return database_uri("mlflow_auth", os.environ["MLFLOW_AUTH_PASSWORD"])


def wait_for(what: str, ready) -> None:  # type: ignore[no-untyped-def]
    """Call `ready` until it raises nothing.

    Raises:
        SystemExit: it still fails after five minutes; the message names the cause.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    shown = ""
    while True:
        try:
            return ready()
        except Exception as error:
            cause = str(error).splitlines()[0]
            if time.monotonic() > deadline:
                raise SystemExit(f"{what}: {cause}") from error
            if cause != shown:
                print(f"waiting for {what}: {cause}", flush=True)
                shown = cause
            time.sleep(1)


def connect() -> None:
    """Open a connection to the database server."""
    import psycopg2

    for uri in (tracking_uri(), auth_uri()):
        psycopg2.connect(uri.replace("+psycopg2", ""), connect_timeout=5).close()


def check() -> None:
    """Compare the schemas in the databases with this version's."""
    import sqlalchemy
    from alembic.script import ScriptDirectory
    from mlflow.server.auth.db.utils import _get_alembic_config
    from mlflow.store.db.utils import _verify_schema

    _verify_schema(sqlalchemy.create_engine(tracking_uri()))
    with sqlalchemy.create_engine(auth_uri()).connect() as connection:
        found = connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version_auth")).scalar()
    head = ScriptDirectory.from_config(_get_alembic_config(auth_uri())).get_current_head()
    if found != head:
        raise RuntimeError(f"users' schema is {found}, expected {head}")


def migrate() -> None:
    """Bring both databases to this version's schema."""
    import sqlalchemy
    from mlflow.server.auth.db.utils import migrate_if_needed
    from mlflow.store.db.utils import _all_tables_exist, _initialize_tables, _upgrade_db

    engine = sqlalchemy.create_engine(tracking_uri())
    (_upgrade_db if _all_tables_exist(engine) else _initialize_tables)(engine)
    migrate_if_needed(sqlalchemy.create_engine(auth_uri()), "head")
    check()


def serve() -> None:
    """Become the server."""
    AUTH_CONFIG.touch(mode=0o600)
    AUTH_CONFIG.write_text(
        "[mlflow]\n"
        f"database_uri = {auth_uri().replace('%', '%%')}\n"
        "default_permission = READ\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(AUTH_CONFIG)
    os.environ["MLFLOW_BACKEND_STORE_URI"] = tracking_uri()
    arguments = ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--app-name", "basic-auth"]  # noqa: S104
    arguments += ["--artifacts-destination", os.environ["MOLINO_ARTIFACTS"], "--serve-artifacts"]
    arguments += ["--workers", os.environ.get("MOLINO_WORKERS", "1")]
    arguments += ["--allowed-hosts", os.environ["MOLINO_ALLOWED_HOSTS"]]
    os.execvp(arguments[0], arguments)  # noqa: S606


def main() -> None:
    """Do what the first argument says."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "migrate":
        wait_for("the database", connect)
        migrate()
    elif command == "wait":
        wait_for("the database", connect)
        wait_for("the migration", check)
    elif command == "serve":
        serve()
    else:
        raise SystemExit("server.py: say migrate, wait or serve")


if __name__ == "__main__":
    main()
