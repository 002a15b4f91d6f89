"""Starts a part of Airflow on Postgres: `start.py migrate | user | wait | clean | api-server | scheduler | …`.

`migrate` brings the database to this version's schema and fills in the roles, `user` makes the first user or sets its
password again, and makes the pools of MOLINO_POOLS or changes them, `wait` holds until the schema is there, `clean`
takes old rows away, `alive JOB` tells whether this pod's job still works, and removes logs of earlier days; every other
word becomes `airflow <word>`.
"""

import importlib
import json
import os
import shutil
import socket
import sys
from datetime import UTC, date, datetime, timedelta
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import database
import psycopg2

from molino.contracts.listening import EVERYWHERE, listen_address, uvicorn_host
from pipelines import host

SCHEMA_OF = ("apache-airflow-core", "apache-airflow-providers-fab")
AHEAD = ("pipelines.operator", "pipelines.model_files", "airflow.providers.amazon.aws.hooks.s3")
"""What DAGs and task logs need. Each task and each parse is a fork of the part that starts it: what that has imported
beforehand costs them nothing, else a second each time."""

CLEANED = (
    "callback", "dag_run", "deadline", "import_error", "job", "log", "revoked_token", "task_instance",
    "task_instance_history", "task_reschedule", "trigger", "xcom",
)  # fmt: skip
"""Tables that lose old rows. Events of assets stay: the newest one tells on which data a person's run trains; so do the
DAGs, their versions, and what tells a retry of its pod."""

DIRECT = ("migrate", "clean")
"""What asks the database itself, where others do by a pooler: locks of a session, and one long transaction."""
LOGS = Path(os.environ.get("AIRFLOW_HOME", ".")) / "logs" / "dag_processor"
FRESH_SECONDS = 60
"""How old the last sign of life of a job may be: it leaves one every 5 s."""


def airflow(*arguments: str) -> None:
    """Run a command of Airflow in this process: Airflow's import takes seconds, once for all commands."""
    from airflow.cli.cli_parser import get_parser

    parsed = get_parser().parse_args(list(arguments))
    parsed.func(parsed)


def migrate(address: str) -> None:
    """Make or change the tables; then the roles, which servers that start at once would trip over."""
    airflow("db", "migrate")
    airflow("sync-perm")
    database.mark_migrated(address, database.versions(SCHEMA_OF))


def make_user() -> None:
    """Make the first user, or set its password to what the Secret says now: either may begin with a dash."""
    username, password = os.environ["MOLINO_USERNAME"], os.environ["MOLINO_PASSWORD"]
    airflow(
        "users", "create", "--role", "Admin", f"--username={username}", f"--password={password}",
        "--firstname", "Molino", "--lastname", "Admin", f"--email={username}@molino.invalid",
    )  # fmt: skip
    airflow("users", "reset-password", f"--username={username}", f"--password={password}")


def make_pools(pools: dict[str, dict[str, Any]]) -> None:
    """Make the pools that the chart names, or give them its slots; others stay as they are."""
    from airflow.models.pool import Pool

    for name, pool in pools.items():
        Pool.create_or_update_pool(
            name=name,
            slots=pool["slots"],
            description=pool.get("description", ""),
            include_deferred=pool.get("includeDeferred", False),
        )


def wait(address: str) -> None:
    """Return once the schema is there."""
    database.wait_for("the migration", lambda: database.check_migrated(address, database.versions(SCHEMA_OF)))


def check_alive(address: str, job: str) -> None:
    """Fail where the job of this pod has stopped; a database that is away is no reason to start it anew.

    Raises:
        SystemExit: it has.
    """
    try:
        database.check_heartbeat(address, job, host.address(), FRESH_SECONDS)
    except psycopg2.Error as error:
        print(f"the database can't be asked: {error}")
    except LookupError as error:
        raise SystemExit(str(error)) from error


def have_api_server_listen() -> None:
    """Have the API server listen everywhere, in the spelling of the kind of server that it is."""
    workers, kind = os.environ.get("AIRFLOW__API__WORKERS", "1"), os.environ.get("AIRFLOW__API__SERVER_TYPE", "uvicorn")
    address = listen_address(EVERYWHERE)
    bound = f"[{address}]" if ":" in address else address
    os.environ.setdefault("AIRFLOW__API__HOST", uvicorn_host(int(workers)) if kind == "uvicorn" else bound)


def have_health_page_listen() -> None:
    """Have the scheduler's health page listen everywhere: Airflow makes it a server of IPv4 alone."""
    from airflow.utils import scheduler_health

    address = listen_address(EVERYWHERE)

    class Server(HTTPServer):
        """Of the address's family."""

        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

    scheduler_health.HTTPServer = Server
    os.environ.setdefault("AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST", address)


def forget_logs(folder: Path, today: date) -> None:
    """Remove what the DAG processor logged before yesterday: it has a folder for each day, and removes none itself."""
    for day in folder.glob("????-??-??"):
        if day.name < str(today - timedelta(days=1)):
            shutil.rmtree(day, ignore_errors=True)


def clean(days: float, mode: str) -> None:
    """Take away rows that are older than so many days, or say how many these are.

    Args:
        days: how many.
        mode: `--yes`, or `--dry-run`.
    """
    before = datetime.now(UTC) - timedelta(days=days)
    airflow(
        "db", "clean", "--clean-before-timestamp", before.isoformat(), "--tables", ",".join(CLEANED), "--skip-archive",
        "--error-on-cleanup-failure", mode,
    )  # fmt: skip


def main() -> None:
    """Do what the first argument says."""
    if len(sys.argv) < 2:
        raise SystemExit("start.py: say migrate, user, wait, alive, or a command of airflow")
    password = os.environ["AIRFLOW_PASSWORD"]
    address = database.uri("airflow", password, direct=sys.argv[1] in DIRECT)
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = address
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] = database.uri("airflow", password, "asyncpg")
    match sys.argv[1]:
        case "migrate":
            database.wait_for("the database", lambda: database.connect(address))
            migrate(address)
        case "user":
            wait(address)
            make_user()
            make_pools(json.loads(os.environ.get("MOLINO_POOLS", "{}")))
        case "wait":
            wait(address)
        case "clean":
            wait(address)
            clean(float(sys.argv[2]), sys.argv[3])
        case "alive":
            forget_logs(LOGS, datetime.now(UTC).date())
            check_alive(address, sys.argv[2])
        case "scheduler" | "dag-processor":
            for module in AHEAD:
                importlib.import_module(module)
            if sys.argv[1] == "scheduler":
                have_health_page_listen()
            airflow(*sys.argv[1:])
        case _:
            if sys.argv[1] == "api-server":
                have_api_server_listen()
            os.execvp("airflow", ["airflow", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
