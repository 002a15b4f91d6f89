"""Runs MLflow's tracking server with basic auth on Postgres: `server.py migrate | wait | serve | metrics`.

`migrate` brings both databases (tracking and users) to this version's schema and makes the first user or sets its
password again, `wait` holds until that is done, `serve` becomes the server, `metrics` tells Prometheus what its workers
have counted. Settings come from the environment: those of `database.py`, MLFLOW_PASSWORD and MLFLOW_AUTH_PASSWORD (of
the database users), MLFLOW_AUTH_ADMIN_USERNAME and MLFLOW_AUTH_ADMIN_PASSWORD (of the first user), MOLINO_ARTIFACTS (an
s3:// address), MOLINO_ALLOWED_HOSTS and, where requests are to be counted, MOLINO_METRICS (the folder for that).
"""

import os
import signal
import sys
from pathlib import Path

import database

from molino.contracts.listening import EVERYWHERE, listen_address, uvicorn_host

SCHEMA_OF = ("mlflow",)
AUTH_CONFIG = Path("/tmp/basic_auth.ini")  # noqa: S108  # the pod's own emptyDir
PASSWORD_SECONDS = 60
"""How long a worker remembers a right password: to check its hash is slow, and every request of a step asks."""
METRICS_PORT = 9464
"""Of its own, since what is at the server's own port is published by the ingress."""


def tracking_uri(direct: bool = False) -> str:
    """Return the address of the tracking database, on request without a pooler."""
    return database.uri("mlflow", os.environ["MLFLOW_PASSWORD"], direct=direct)


def auth_uri(direct: bool = False) -> str:
    """Return the address of the database of users, on request without a pooler."""
    return database.uri("mlflow_auth", os.environ["MLFLOW_AUTH_PASSWORD"], direct=direct)


def migrate() -> None:
    """Bring both databases to this version's schema."""
    import sqlalchemy
    from mlflow.store.db.utils import _all_tables_exist, _initialize_tables, _upgrade_db

    tracking = tracking_uri(direct=True)
    engine = sqlalchemy.create_engine(tracking)
    (_upgrade_db if _all_tables_exist(engine) else _initialize_tables)(engine)
    username, password = os.environ["MLFLOW_AUTH_ADMIN_USERNAME"], os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"]
    set_admin(auth_uri(direct=True), username, password)
    database.mark_migrated(tracking, database.versions(SCHEMA_OF))


def set_admin(address: str, username: str, password: str) -> None:
    """Bring the users' database to this version's schema, and the first user's password to what the Secret says now.

    The server itself makes that user, and never looks at its password again.
    """
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    users = SqlAlchemyStore()
    users.init_db(address)
    if users.has_user(username):
        users.update_user(username, password, is_admin=True)
    else:
        users.create_user(username, password, is_admin=True)


def serve() -> None:
    """Become the server."""
    AUTH_CONFIG.touch(mode=0o600)
    AUTH_CONFIG.write_text(
        "[mlflow]\n"
        f"database_uri = {auth_uri().replace('%', '%%')}\n"
        "default_permission = READ\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        f"auth_cache_ttl_seconds = {PASSWORD_SECONDS}\n"
    )
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(AUTH_CONFIG)
    os.environ["MLFLOW_BACKEND_STORE_URI"] = tracking_uri()
    workers = os.environ.get("MOLINO_WORKERS", "1")
    arguments = ["mlflow", "server", "--host", uvicorn_host(int(workers)), "--port", "5000", "--app-name", "basic-auth"]
    arguments += ["--artifacts-destination", os.environ["MOLINO_ARTIFACTS"], "--serve-artifacts"]
    arguments += ["--workers", workers]
    arguments += ["--allowed-hosts", os.environ["MOLINO_ALLOWED_HOSTS"]]
    if folder := os.environ.get("MOLINO_METRICS"):
        arguments += ["--expose-prometheus", folder]
        count_anew(Path(folder))
    os.execvp(arguments[0], arguments)  # noqa: S606


def count_anew(folder: Path) -> None:
    """Have workers count requests in a folder, from nothing: what an earlier server left there has their numbers."""
    for file in folder.glob("*.db"):
        file.unlink()
    # The exporter makes no /metrics of its own beside MLflow's pages where it takes this for Flask's reloader.
    os.environ["WERKZEUG_RUN_MAIN"] = "true"


def metrics() -> None:
    """Tell what all workers together have counted, until this is to end."""
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=os.environ["MOLINO_METRICS"])
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    start_http_server(METRICS_PORT, listen_address(EVERYWHERE), registry)
    signal.sigwait(ends)


def main() -> None:
    """Do what the first argument says."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "migrate":
        for address in (tracking_uri(direct=True), auth_uri(direct=True)):
            database.wait_for("the database", lambda address=address: database.connect(address))  # type: ignore[misc]
        migrate()
    elif command == "wait":
        schema = database.versions(SCHEMA_OF)
        database.wait_for("the migration", lambda: database.check_migrated(tracking_uri(), schema))
    elif command == "serve":
        serve()
    elif command == "metrics":
        metrics()
    else:
        raise SystemExit("server.py: say migrate, wait, serve or metrics")


if __name__ == "__main__":
    main()
