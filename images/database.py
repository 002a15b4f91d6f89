"""What the images of Airflow and of MLflow know of their databases: the address, and whether the schema is theirs.

The address is put together from MOLINO_DATABASE_HOST, _PORT, _SSLMODE and a password, so that a password is in one
Secret alone; MOLINO_DATABASE_<SERVICE>_HOST, _USER and _NAME are of one service's database; MOLINO_DATABASE_POOLER is
the host and port of a PgBouncer before them all, which knows each by the name of its service. To ask a service's own
tools for the schema costs seconds and hundreds of MB in every pod that waits; so the Job that migrates leaves a note in
the database, and the others look for that.
"""

import os
import time
from collections.abc import Callable
from contextlib import closing
from importlib import metadata
from urllib.parse import quote

import psycopg2

PATIENCE_SECONDS = 300
CONNECT_SECONDS = 5


def uri(service: str, password: str, driver: str = "psycopg2", direct: bool = False) -> str:
    """Return the SQLAlchemy address of a service's database, for a driver that waits or for asyncpg.

    User and name of the database are the service's, where the environment has no others.

    A server that swallows packets, as the address of a Service that is gone does, is given up after some seconds.

    By a pooler go the short transactions of psycopg2. What is `direct` doesn't, such as a migration, whose locks are of
    a session; nor does asyncpg, which looks in a connection for the statements that it has prepared.
    """
    own = f"MOLINO_DATABASE_{service.upper()}_"
    host = os.environ.get(f"{own}HOST") or os.environ["MOLINO_DATABASE_HOST"]
    port = os.environ.get("MOLINO_DATABASE_PORT", "5432")
    user, name = (quote(os.environ.get(f"{own}{what}") or service, safe="") for what in ("USER", "NAME"))
    if (pooler := os.environ.get("MOLINO_DATABASE_POOLER")) and driver == "psycopg2" and not direct:
        host, _, port = pooler.rpartition(":")
        name = service
    host = f"[{host}]" if ":" in host else host
    mode = os.environ.get("MOLINO_DATABASE_SSLMODE", "prefer")
    options = f"ssl={mode}" if driver == "asyncpg" else f"sslmode={mode}&connect_timeout={CONNECT_SECONDS}"
    return f"postgresql+{driver}://{user}:{quote(password, safe='')}@{host}:{port}/{name}?{options}"


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
            time.sleep(0.5)


def versions(packages: tuple[str, ...]) -> str:
    """Return the versions of the packages whose migrations make the schema."""
    return " ".join(f"{name} {metadata.version(name)}" for name in packages)


def connect(address: str) -> None:
    """Ask a database something that it always knows."""
    _query(address, "SELECT 1")


def mark_migrated(address: str, schema: str) -> None:
    """Note that the schema is that of these versions."""
    _query(address, "CREATE TABLE IF NOT EXISTS molino_migrated (versions text PRIMARY KEY)")
    _query(address, "INSERT INTO molino_migrated VALUES (%s) ON CONFLICT DO NOTHING", schema)


def check_migrated(address: str, schema: str) -> None:
    """Look for the note.

    Raises:
        LookupError: it isn't there yet.
    """
    if not _query(address, "SELECT 1 FROM pg_tables WHERE tablename = 'molino_migrated'"):
        raise LookupError("the schema isn't there yet")
    if not _query(address, "SELECT 1 FROM molino_migrated WHERE versions = %s", schema):
        raise LookupError(f"the schema isn't that of {schema} yet")


def check_heartbeat(address: str, job: str, host: str, seconds: int) -> None:
    """Look for a sign of life that a job of Airflow on this host has left in the database of late.

    `airflow jobs check` asks the same, after an import of all of Airflow.

    Raises:
        LookupError: there is none.
        psycopg2.Error: the database can't be asked.
    """
    alive = "SELECT 1 FROM job WHERE job_type = %s AND hostname = %s AND state = 'running'"
    if not _query(address, f"{alive} AND latest_heartbeat > now() - %s * interval '1 second'", job, host, str(seconds)):
        raise LookupError(f"no {job} at {host} has left a sign of life for {seconds} s")


def _query(address: str, statement: str, *values: str) -> list[tuple[str, ...]]:
    """Run one statement, and return its rows."""
    plain = address.replace("+psycopg2", "")
    with closing(psycopg2.connect(plain)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
