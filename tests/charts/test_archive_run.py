"""Postgres' archive as it is rendered, with a real Postgres and a real S3: back to a moment, and on from there."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rendering import ROOT, pods, render
from test_backup import buckets
from test_bootstrap import PASSWORDS, PLACES, bootstrap, lay_out, user

from tests.cluster.waits import until
from tests.conftest import S3
from tests.ports import free_port
from tests.postgres import query

ON = ("backup.enabled=true", "postgres.archive.enabled=true", "backup.destination.prefix=one")
PASSWORD = PASSWORDS["POSTGRES_PASSWORD"]
SECRET = "a-secret-of-forty-characters-0123456789ab"
STORAGE = ROOT / "images" / "operations" / "storage.py"


@pytest.fixture
def volume() -> Iterator[Path]:
    """The volume of the pod, and what else it sees."""
    if not shutil.which("initdb", path=PLACES):
        pytest.skip("no Postgres to archive (apt-get install postgresql)")
    found = Path(tempfile.mkdtemp(prefix="molino-archive-"))
    (found / "archive").mkdir()
    yield found
    shutil.rmtree(found)


def containers(kind: str, *settings: str) -> dict[str, dict[str, Any]]:
    spec = next(spec for name, spec, _ in pods(render("defaults", *ON, *settings)) if name == kind)
    return {one["name"]: one for one in [*spec["initContainers"], *spec["containers"]]}


def command(container: dict[str, Any], volume: Path) -> list[str]:
    places = {"/data": str(volume), "/archive": f"{volume}/archive", "/tmp": str(volume)}
    return [
        sys.executable,
        "-m",
        "molino",
        *(re.sub("^(/data|/archive|/tmp)", lambda found: places[found[0]], one) for one in container["args"]),
    ]


def environment(container: dict[str, Any], s3: S3, bucket: str, home: Path) -> dict[str, str]:
    """Return what the container is told, for a bucket of this test, with a key that has the rights of the chart's."""
    told = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    store = told["MOLINO_BACKUP_STORE"].replace("molino-backups", bucket)
    own = {f"MOLINO_{key.upper()}": value for key, value in s3.keywords().items()}
    own |= {"MOLINO_S3_ACCESS_KEY": bucket, "MOLINO_S3_SECRET_KEY": SECRET}
    return {**os.environ, **told, **own, "MOLINO_BACKUP_STORE": store, "MOLINO_HOME": str(home)}


def set_up(s3: S3, bucket: str, folder: Path) -> None:
    """Make a key, named as the bucket, as the chart's setup of MinIO does."""
    (rights,) = buckets(*ON)["services"]["archive"]
    folder.mkdir()
    (folder / f"{bucket}-access-key").write_text(bucket)
    (folder / f"{bucket}-secret-key").write_text(SECRET)
    services = {"buckets": [bucket], "services": {bucket: [{**rights, "bucket": bucket}]}}
    (folder / "storage.yaml").write_text(json.dumps(services))
    root = {f"MOLINO_{key.upper()}": value for key, value in s3.keywords().items()}
    subprocess.run([sys.executable, STORAGE, folder / "storage.yaml", folder], env={**os.environ, **root}, check=True)


class Pod:
    """A pod of Postgres as one setting of the values has it, its containers processes of this machine."""

    def __init__(self, volume: Path, s3: S3, bucket: str, home: Path, *settings: str) -> None:
        self.volume, self.port = volume, free_port()
        self.told = environment(containers("StatefulSet/molino-postgres")["archive"], s3, bucket, home)
        lay_out(volume, *ON, *settings)
        os.chown(volume / "archive", user() or -1, -1)
        self.containers = containers("StatefulSet/molino-postgres", *settings)
        if fetch := self.containers.get("fetch"):
            subprocess.run(command(fetch, volume), cwd=ROOT, env=self.told, check=True)
            self._hand_over()
        bootstrap(volume)

    def _hand_over(self) -> None:
        """Give to Postgres' user what the fetch has written, which is of one user with it in the pod."""
        for path in (self.volume, *self.volume.rglob("*")):
            os.chown(path, user() or -1, -1)

    @contextmanager
    def running(self) -> Iterator["Pod"]:
        postgres = [
            shutil.which("postgres", path=PLACES) or "", "-c", f"config_file={self.volume}/postgresql.conf",
            "-c", f"hba_file={self.volume}/pg_hba.conf", "-c", f"port={self.port}", "-c", "listen_addresses=127.0.0.1",
        ]  # fmt: skip
        own = {"PATH": PLACES, "PGDATA": str(self.volume / "pgdata"), "LC_ALL": "C"}
        ship = command(self.containers["archive"], self.volume)
        with (
            subprocess.Popen(postgres, env=own, cwd=self.volume, user=user(), stderr=subprocess.DEVNULL) as server,
            subprocess.Popen(ship, cwd=ROOT, env=self.told, stderr=subprocess.DEVNULL) as shipping,
        ):
            try:
                until("Postgres answers", self._answers, 60)
                yield self
            finally:
                server.terminate()
                server.wait()
                shipping.terminate()

    def _answers(self) -> bool:
        ready = ["pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(self.port)]
        return subprocess.run(ready, env={"PATH": PLACES}, check=False).returncode == 0

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return query(self.port, "mlflow", sql, "postgres", PASSWORD)

    def archived(self) -> None:
        """Have all of the log archived that there is now."""
        [(name,)] = self.ask("SELECT pg_walfile_name(pg_switch_wal())")
        told = "SELECT coalesce(last_archived_wal >= %s, false) FROM pg_stat_archiver".replace("%s", f"'{name}'")
        until(f"{name} is archived", lambda: self.ask(told) == [(True,)], 120)

    def back_up(self, folder: Path) -> None:
        """Do what the CronJob does."""
        made = containers("CronJob/molino-postgres-base")
        script = made["database"]["command"][2].replace("/dumps", str(folder))
        folder.mkdir()
        where = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres", "PGPASSWORD": PASSWORD}
        subprocess.run(["bash", "-c", script], env={"PATH": PLACES, **where}, check=True)
        put = [one.replace("/dumps", str(folder)) for one in command(made["archive"], self.volume)]
        subprocess.run(put, cwd=ROOT, env=self.told, check=True)

    def lose(self) -> None:
        """Empty the volume."""
        shutil.rmtree(self.volume / "pgdata")


def test_it_comes_back_as_of_a_moment_and_goes_on(s3: S3, volume: Path, tmp_path: Path) -> None:
    bucket = s3.make_bucket()
    set_up(s3, bucket, tmp_path / "keys")
    where = (volume, s3, bucket, tmp_path / "home")
    with Pod(*where).running() as pod:
        pod.ask("CREATE TABLE kept (name text)")
        pod.back_up(tmp_path / "dumps")
        pod.ask("INSERT INTO kept VALUES ('after the base backup')")
        [(moment,)] = pod.ask(
            "SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 s', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        )
        until(
            "the moment is over",
            lambda: pod.ask(f"SELECT now() > '{moment}'::timestamptz + interval '1 ms'") == [(True,)],
            10,
        )
        pod.ask("DROP TABLE kept")
        pod.archived()
    pod.lose()

    with Pod(*where, f"postgres.archive.restore={moment}").running() as pod:
        assert pod.ask("SELECT name FROM kept") == [("after the base backup",)]
        assert not (volume / "wal").exists()
        pod.ask("INSERT INTO kept VALUES ('on the new timeline')")
        pod.archived()
    pod.lose()

    with Pod(*where, "postgres.archive.restore=latest").running() as pod:
        assert pod.ask("SELECT name FROM kept") == [("after the base backup",), ("on the new timeline",)]
    with Pod(*where, "postgres.archive.restore=latest").running() as pod:
        assert len(pod.ask("SELECT name FROM kept")) == 2
