"""A real Postgres, where its programs are installed. It refuses to run as root, so it then runs as somebody else."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.ports import free_port


@contextmanager
def running_postgres(user: str, password: str) -> Iterator[int]:
    """Start a Postgres with one user, who may do all, and give its port; skip where it isn't installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs = [*found[-1:], *(Path(one).parent for one in [shutil.which("pg_ctl")] if one)]
    if not programs or (os.geteuid() == 0 and not shutil.which("runuser")):
        pytest.skip("no Postgres to test with")
    port = free_port()
    other = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []

    def do(program: str, *arguments: str) -> None:
        command = [*other, str(programs[0] / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    with TemporaryDirectory(prefix="molino-postgres-") as folder:
        data, secret = f"{folder}/data", Path(folder) / "password"
        secret.write_text(password)
        if other:
            shutil.chown(folder, "nobody")
        access = ["--auth=scram-sha-256", f"--pwfile={secret}"]
        do("initdb", "-D", data, "-U", user, *access, "-E", "UTF8", "--locale=C")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        do("pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield port
        finally:
            do("pg_ctl", "-D", data, "-w", "-m", "fast", "stop")


def query(port: int, database: str, sql: str, user: str, password: str) -> list[tuple[Any, ...]]:
    """Run a statement by itself, and return its rows; none of one that has none."""
    import psycopg2

    connection = psycopg2.connect(host="127.0.0.1", port=port, user=user, password=password, dbname=database)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()
