"""What a production installation has outside: Postgres and S3, by TLS alone, of an authority of its own."""

import io
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml
from minio import Minio
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin

from images.operations.storage import set_up
from tests.cluster import pki
from tests.cluster.cluster import Cluster
from tests.e2e.drill import contents
from tests.e2e.installed import images
from tests.e2e.installed.installation import Installation

NAMESPACE = "outside"
AUTHORITY = "authority"
SERVERS = ("postgres", "minio")
RUNS_HOST = "runs"
ROOT_USER, ROOT_PASSWORD = "minio", "mercadolibre"
"""Of the S3, by values-kind.yaml."""


@dataclass(frozen=True)
class Database:
    """One service's, at a server that calls its roles by server too."""

    service: str
    """In `database.services`."""
    role: str
    name: str

    @property
    def word(self) -> str:
        """The service in names of variables, and in what `molino secrets rotate` says."""
        return {"mlflowAuth": "mlflow_auth"}.get(self.service, self.service)

    @property
    def key(self) -> str:
        """Of its password in the Secret."""
        return f"{self.word.replace('_', '-')}-password"


AIRFLOW = Database("airflow", "scheduling@outside", "scheduling.state")
RUNS = Database("mlflow", "tracking@outside", "tracking-runs")
USERS = Database("mlflowAuth", "tracking-users@outside", "tracking_users")
DATABASES = (AIRFLOW, RUNS, USERS)


@dataclass(frozen=True)
class Outside:
    """Both servers, which are the chart's own with all else off, and who runs them."""

    installation: Installation
    authority: pki.Authority
    certificate: str
    """Of the authority, as PEM."""

    @property
    def database_host(self) -> str:
        """Where Postgres is, as its certificate names it."""
        return _host(self.installation, "postgres")

    @property
    def runs_host(self) -> str:
        """Another name of Postgres, for MLflow's runs."""
        return _named(RUNS_HOST)

    @property
    def s3_endpoint(self) -> str:
        """URL of the S3."""
        return f"https://{_host(self.installation, 'minio')}:9000"

    def ask(self, database: str, sql: str) -> str:
        """Ask Postgres, as who runs it."""
        return contents.ask(self.installation, database, sql)

    def make_databases(self, passwords: Mapping[str, str]) -> None:
        """Make the roles and their databases."""
        for one in DATABASES:
            self.ask("postgres", f"CREATE ROLE \"{one.role}\" LOGIN PASSWORD '{passwords[one.key]}'")
            self.ask("postgres", f'CREATE DATABASE "{one.name}" OWNER "{one.role}"')

    def set_password(self, word: str, passwords: Mapping[str, str]) -> None:
        """Give a service's role the password of now."""
        database = next(one for one in DATABASES if one.word == word)
        self.ask("postgres", f"ALTER ROLE \"{database.role}\" PASSWORD '{passwords[database.key]}'")

    def connections(self) -> tuple[int, int]:
        """Return how many clients Postgres has over the network, and how many of them by TLS."""
        each = "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
        of_all, secure = self.ask("postgres", f"{each} WHERE client_addr IS NOT NULL").split("|")
        return int(of_all), int(secure)

    def give_rights(self, storage: Mapping[str, Any], keys: Mapping[str, str]) -> None:
        """Make the buckets, and give each service's pair of keys its rights; pairs of before keep theirs.

        Args:
            storage: What the chart would set up in its own MinIO.
            keys: The Secret's.
        """
        with self._reach() as (place, pool), tempfile.TemporaryDirectory() as folder:
            for name, text in keys.items():
                (Path(folder) / name).write_text(text)
            client = Minio(
                endpoint=place, access_key=ROOT_USER, secret_key=ROOT_PASSWORD, region="us-east-1", http_client=pool
            )
            set_up(client, self._admin(place, pool), dict(storage), Path(folder))

    def remove_keys(self, access_key: str) -> None:
        """Take a pair of keys away."""
        with self._reach() as (place, pool):
            self._admin(place, pool).user_remove(access_key)

    def put(self, keys: Mapping[str, str], bucket: str, name: str, data: bytes) -> str:
        """Write an object with the keys of the steps; return its URI."""
        with self.store(keys) as client:
            client.put_object(bucket_name=bucket, object_name=name, data=io.BytesIO(data), length=len(data))
        return f"s3://{bucket}/{name}"

    @contextmanager
    def store(self, keys: Mapping[str, str], service: str = "steps") -> Iterator[Minio]:
        """Return a client of the S3 with the rights of one service."""
        with self._reach() as (place, pool):
            access, secret = keys[f"{service}-access-key"], keys[f"{service}-secret-key"]
            yield Minio(endpoint=place, access_key=access, secret_key=secret, region="us-east-1", http_client=pool)

    @contextmanager
    def _reach(self) -> Iterator[tuple[str, urllib3.PoolManager]]:
        """Return an address of this machine that leads to the S3, and what checks its certificate."""
        with tempfile.TemporaryDirectory() as folder, self.installation.forward("minio", 9000) as port:
            trusted = Path(folder) / "ca.crt"
            trusted.write_text(self.certificate)
            yield f"127.0.0.1:{port}", urllib3.PoolManager(ca_certs=str(trusted), timeout=60)

    def _admin(self, place: str, pool: urllib3.PoolManager) -> MinioAdmin:
        return MinioAdmin(endpoint=place, credentials=StaticProvider(ROOT_USER, ROOT_PASSWORD), http_client=pool)


def install(cluster: Cluster) -> Outside:
    """Bring both up, empty."""
    found = Installation(cluster, NAMESPACE, release=NAMESPACE)
    found.make_namespace()
    authority = pki.Authority.create()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        authority.write(folder)
        certificate = (folder / "ca.crt").read_text()
        objects: list[dict[str, Any]] = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": AUTHORITY, "namespace": NAMESPACE},
                "data": {"ca.crt": certificate},
            }
        ]
        for server in SERVERS:
            names = (_host(found, server), found.name(server), "127.0.0.1", _named(RUNS_HOST))
            objects.append(tls_secret(authority, folder, f"{server}-tls", NAMESPACE, *names))
        cluster.kubectl.apply(yaml.safe_dump_all(objects))
        off = {part: {"enabled": False} for part in ("airflow", "mlflow", "serving", "tensorboard")}
        own = {
            **off,
            "network": {"caConfigMap": AUTHORITY},
            **{server: {"tlsSecret": f"{server}-tls"} for server in SERVERS},
        }
    found.install(images.values(cluster), own)
    ports = {key: found.get("service", found.name("postgres"))["spec"][key] for key in ("selector", "ports")}
    place = {"name": RUNS_HOST, "namespace": NAMESPACE}
    cluster.kubectl.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "Service", "metadata": place, "spec": ports}))
    return Outside(found, authority, certificate)


def tls_secret(authority: pki.Authority, folder: Path, name: str, namespace: str, *hosts: str) -> dict[str, Any]:
    """Return a Secret with a certificate for these hosts."""
    authority.issue(folder, name, hosts[0], hosts=hosts)
    data = {f"tls.{kind}": (folder / f"{name}.{kind}").read_text() for kind in ("crt", "key")}
    place = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": place, "stringData": data}


def _host(found: Installation, server: str) -> str:
    return _named(found.name(server))


def _named(service: str) -> str:
    return f"{service}.{NAMESPACE}.svc.cluster.local"
