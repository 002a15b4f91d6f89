"""What the installation is filled with, and how it is told whether all of it came back."""

import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from minio import Minio

from molino.backup.manifest import Manifest
from molino.backup.opening import open_vault
from molino.backup.settings import BackupSettings
from molino.backup.vault import Vault
from molino.contracts.settings import Settings
from tests.e2e.drill.stage import BUCKET, ROOT_PASSWORD, ROOT_USER
from tests.e2e.installed import runs
from tests.e2e.installed.installation import Installation

DVC = "molino-dvc"
OBJECT_BYTES = 10**7
WORKERS = 4
TABLES = ("runs", "metrics", "latest_metrics", "params", "tags")
"""Of MLflow's database: what a run is."""
COMPARED = ("store", "dvc", "git", "artifacts")
"""Places of a set that nothing has changed since; logs go on."""
PSQL = (
    'for folder in /usr/lib/postgresql/*/bin; do PATH="$PATH:$folder"; done; psql -h /tmp -U postgres -d "$1" -Atc "$0"'
)


def ask(found: Installation, database: str, sql: str) -> str:
    """Ask the built-in Postgres, as its own user in its pod."""
    pod = f"{found.name('postgres')}-0"
    return found.kubectl("exec", pod, "--container", "postgres", "--", "bash", "-c", PSQL, sql, database).strip()


def add_runs(found: Installation, count: int) -> int:
    """Add copies of the run that has the most metrics, with all that it has; return how many rows that is."""
    of = ask(found, "mlflow", "SELECT run_uuid FROM metrics GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
    rows = 0
    for table in TABLES:
        own = "jsonb_build_object('run_uuid', md5(had.run_uuid || number))"
        copied = (
            f"INSERT INTO {table} SELECT (jsonb_populate_record(had, {own})).* "  # names of ours
            f"FROM {table} had, generate_series(1, {count}) number WHERE had.run_uuid = '{of}'"
        )
        rows += int(ask(found, "mlflow", copied).split()[-1])
    return rows


def add_objects(found: Installation, gigabytes: float) -> int:
    """Put random bytes where DVC keeps files, named as it names them; return how many objects that is."""
    count = round(gigabytes * 10**9 / OBJECT_BYTES)
    with runs.store(found) as client, ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda _: _put(client), range(count)))
    return count


def _put(client: Minio) -> None:
    data = os.urandom(OBJECT_BYTES)
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    client.put_object(
        bucket_name=DVC, object_name=f"files/md5/{md5[:2]}/{md5[2:]}", data=io.BytesIO(data), length=len(data)
    )


def tables(found: Installation) -> dict[str, str]:
    """Return rows and a hash of all of them, by table of MLflow's database."""
    each = "SELECT md5(had::text) AS one FROM {} had"
    hashed = f"SELECT count(*) || ' rows, ' || md5(string_agg(one, '' ORDER BY one)) FROM ({each}) hashed"
    return {table: ask(found, "mlflow", hashed.format(table)) for table in (*TABLES, "experiments", "model_versions")}


@contextmanager
def sets(vault: Installation, key: str) -> Iterator[Vault]:
    """Give the sets, as `molino backup` reads them."""
    with vault.forward("minio", 9000) as port, TemporaryDirectory() as folder:
        backup = BackupSettings(
            store=f"s3://{BUCKET}",
            s3_endpoint=f"http://127.0.0.1:{port}",
            s3_access_key=ROOT_USER,
            s3_secret_key=ROOT_PASSWORD,
            s3_region="us-east-1",
            key=key,
        )
        with open_vault(Settings(home=Path(folder) / "home"), backup) as found:
            yield found


def newest(vault: Installation, key: str) -> Manifest:
    """Return the newest set."""
    with sets(vault, key) as found:
        return found.read(found.ids()[0])


def files(manifest: Manifest) -> Mapping[str, str]:
    """Return the SHA-256 of all that a restoration is to bring back as it was, by place and key."""
    return {file.name: file.sha256 for file in manifest.files if file.place in COMPARED}


def answers(found: Installation, model: str, body: object) -> str:
    """Return what the champion says, whole but for what tells the request apart."""
    said = found.ask("POST", f"/models/{model}/predict", body)
    assert said.status == 200, said.body
    return json.dumps({key: said.json[key] for key in ("model", "predictions")}, sort_keys=True)
