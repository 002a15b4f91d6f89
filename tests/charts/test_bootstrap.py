"""The script that makes Postgres' cluster, with a real Postgres."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from rendering import pods, render

from tests.cluster.waits import until
from tests.ports import free_port
from tests.postgres import query

PLACES = ":".join([os.environ.get("PATH", os.defpath), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])
PASSWORDS = {f"{user}_PASSWORD": f"of-{user}" for user in ("POSTGRES", "AIRFLOW", "MLFLOW", "MLFLOW_AUTH")}
DATABASES = {"airflow", "mlflow", "mlflow_auth"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """The pod's files in a folder of this machine, owned by one who isn't root, whom Postgres refuses."""
    if not shutil.which("initdb", path=PLACES):
        pytest.skip("no Postgres to make a cluster of (apt-get install postgresql)")
    found = Path(tempfile.mkdtemp(prefix="molino-bootstrap-"))
    lay_out(found)
    yield found
    shutil.rmtree(found)


def lay_out(folder: Path, *settings: str) -> None:
    """Write the files of the pod, with its folders below one of this machine."""
    documents = render("defaults", *settings)
    data = next(one for one in documents if one["metadata"]["name"] == "molino-postgres" and one["kind"] == "ConfigMap")
    places = {
        "/bootstrap/": f"{folder}/",
        "/archive/": f"{folder}/archive/",
        "/data/": f"{folder}/",
        "/tmp": f"{folder}",
    }
    for name, content in data["data"].items():
        (folder / name).write_text(re.sub("|".join(places), lambda found: places[found[0]], content))
    for path in (folder, *folder.iterdir()):
        os.chown(path, user() or -1, -1)


def user() -> int | None:
    return 65534 if os.geteuid() == 0 else None


def bootstrap(folder: Path, passwords: Mapping[str, str] = PASSWORDS) -> None:
    """Run the script, as the init container does."""
    environment = {"HOME": str(folder), "PATH": PLACES, "LC_ALL": "C", "PGDATA": str(folder / "pgdata"), **passwords}
    command = ["bash", folder / "bootstrap.sh"]
    done = subprocess.run(
        command, env=environment, cwd=folder, user=user(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def databases(folder: Path) -> set[str]:
    """Return the databases of the cluster, by Postgres' own program for one user."""
    command = [shutil.which("postgres", path=PLACES) or "", "--single", "-D", folder / "pgdata", "postgres"]
    ask = "SELECT datname FROM pg_database WHERE NOT datistemplate;\n"
    done = subprocess.run(command, input=ask, user=user(), capture_output=True, text=True, check=True)
    return {line.split('"')[1] for line in done.stdout.splitlines() if 'datname = "' in line}


def test_each_service_has_its_database(folder: Path) -> None:
    bootstrap(folder)
    assert databases(folder) == {"postgres", *DATABASES}


def test_a_second_start_keeps_the_cluster(folder: Path) -> None:
    bootstrap(folder)
    before = (folder / "pgdata" / "PG_VERSION").stat()
    bootstrap(folder)
    assert (folder / "pgdata" / "PG_VERSION").stat() == before


def test_a_making_that_was_cut_off_is_begun_again(folder: Path) -> None:
    cut_off = folder / "pgdata.new"
    cut_off.mkdir()
    (cut_off / "PG_VERSION").write_text("15\n")
    for path in (cut_off, cut_off / "PG_VERSION"):
        os.chown(path, user() or -1, -1)
    bootstrap(folder)
    assert databases(folder) == {"postgres", *DATABASES}


ORPHAN = """
(
  read -r process rest </proc/self/stat
  echo "$process" >"$0.part"
  mv "$0.part" "$0"
  kill -PIPE "$BASHPID"
) &
"""
"""Leaves a process to process 1, which then ends by a signal; its number on the host is in the file that is named."""


@contextmanager
def container(folder: Path, port: int) -> Iterator[int]:
    """Run what the container of Postgres runs as process 1 of a namespace of its own, and give its number outside."""
    spec = next(
        spec
        for name, spec, _ in pods(render("defaults", f"postgres.service.port={port}"))
        if name == "StatefulSet/molino-postgres"
    )
    script = spec["containers"][0]["command"][2].replace("/bootstrap/", f"{folder}/")
    place = {"PATH": PLACES, "PGDATA": str(folder / "pgdata"), "LC_ALL": "C"}
    # A shell can't trap what its parent ignores, as one in the background does.
    alone = ["env", "--default-signal=INT,QUIT", "unshare", "--pid", "--fork", "--kill-child"]
    someone = ["setpriv", f"--reuid={user()}", "--clear-groups"]
    with subprocess.Popen([*alone, *someone, "bash", "-c", script], env=place, cwd=folder) as outside:
        children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
        try:
            until("Postgres answers", lambda: ready(port), 60)
            yield int(children.read_text())
            subprocess.run(["kill", "-INT", *children.read_text().split()], check=True)
            assert outside.wait(60) == 0
        finally:
            outside.kill()


def ready(port: int) -> bool:
    asking = ["pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(port)]
    return subprocess.run(asking, env={"PATH": PLACES}, check=False).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="a process 1 of one's own wants root")
def test_an_orphan_that_ends_by_a_signal_is_no_crash_of_the_database(folder: Path) -> None:
    port = free_port()
    lay_out(folder, f"postgres.service.port={port}")
    bootstrap(folder)
    with container(folder, port) as first:
        enter = ["nsenter", "--target", str(first), "--pid", "bash", "-c", ORPHAN, str(folder / "orphan")]
        subprocess.run(enter, check=True)
        until("there is an orphan", (folder / "orphan").exists, 10)
        orphan = Path("/proc", (folder / "orphan").read_text().strip())
        until("it is gone", lambda: not orphan.exists(), 10)
        assert query(port, "postgres", "SELECT 1", "postgres", PASSWORDS["POSTGRES_PASSWORD"]) == [(1,)]
