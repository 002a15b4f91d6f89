"""The README's production path with everything on: values-production.yaml, and what it leaves to be set."""

import http.client
import socket
import ssl
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.cluster import Cluster
from tests.cluster.commands import run
from tests.e2e.installed import images, models
from tests.e2e.installed.installation import CHART, ROOT, Installation
from tests.e2e.login import provider, site
from tests.e2e.login.site import HOSTS, MODEL
from tests.e2e.production import outside
from tests.e2e.production.outside import Outside, tls_secret

NAMESPACE = "molino"
PRODUCTION = CHART / "values-production.yaml"
PARTS = ("airflow", "mlflow", "tensorboard", "serving", "database", "s3")
"""Whose Secrets `molino secrets new` makes."""
DATABASE_AUTHORITY, AUTHORITIES = "database-authority", "authorities"
CERTIFICATES = {
    "airflow-tls": ("airflow",),
    "mlflow-tls": ("mlflow",),
    "tensorboard-tls": ("tensorboard",),
    "molino-tls": ("api", "models"),
}
"""Secret of an ingress, by values-production.yaml, to keys of `HOSTS`."""
PODS, MOST = 2, 3
CPU_PERCENT = 150
AIRFLOW = ("apiServer", "scheduler", "dagProcessor", "triggerer")
LITTLE = {"requests": {"cpu": "20m"}}
"""So that two of everything, and steps, fit on a node of two cores."""


def peers(namespace: str) -> dict[str, Any]:
    """Return how a NetworkPolicy names all pods of a namespace."""
    return {"peers": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}]}


def values(beside: Outside) -> dict[str, Any]:
    """Return what is set over values-production.yaml and over the values that name the images."""
    login = {part: given for part, given in site.values()["oidc"].items() if part != "minio"}
    pages = {page: {"ingress": {"host": HOSTS[page]}} for page in ("airflow", "mlflow", "tensorboard")}
    return {
        "database": {
            "host": beside.database_host,
            "sslmode": "verify-full",
            "caSecret": DATABASE_AUTHORITY,
            "services": {
                **{one.service: {"user": one.role, "name": one.name} for one in outside.DATABASES},
                outside.RUNS.service: {
                    "host": beside.runs_host,
                    "user": outside.RUNS.role,
                    "name": outside.RUNS.name,
                },
            },
        },
        "backup": {"enabled": True, "config": {"suspend": True}, "restore": {"over": True}},
        "s3": {"endpoint": beside.s3_endpoint, "region": "us-east-1"},
        "network": {"caConfigMap": AUTHORITIES},
        "networkPolicies": {
            "to": {
                "database": peers(outside.NAMESPACE),
                "s3": peers(outside.NAMESPACE),
                "issuer": peers(provider.NAMESPACE),
            }
        },
        "models": {MODEL: models.small(MODEL)},
        "oidc": {**login, "replicas": PODS, "serving": {**login["serving"], "tlsSecret": "molino-tls"}},
        **pages,
        "mlflow": {**pages["mlflow"], "replicas": PODS},
        "airflow": {**pages["airflow"], "parts": {part: {"replicas": PODS, "resources": LITTLE} for part in AIRFLOW}},
        "serving": {
            "ingress": {"host": HOSTS["api"]},
            "autoscaling": {
                "enabled": True,
                "minReplicas": PODS,
                "maxReplicas": MOST,
                "cpuPercent": CPU_PERCENT,
            },
        },
    }


def prepare(cluster: Cluster, beside: Outside) -> Installation:
    """Return the release's namespace, with the Secrets that the values name, as the README says."""
    issuer = provider.install(cluster, site.CALLBACKS)
    found = Installation(cluster, NAMESPACE, starts=20)
    found.make_namespace()
    made = run([sys.executable, "-m", "molino", "secrets", "new", *PARTS], folder=ROOT)
    found.cluster.kubectl.apply(_placed(made))
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        login = {"client-secret": provider.CLIENT_SECRET, "cookie-secret": "0123456789abcdef" * 2}
        objects: list[dict[str, Any]] = [
            _object("Secret", site.SECRET, "stringData", login),
            _object("Secret", DATABASE_AUTHORITY, "stringData", {"ca.crt": beside.certificate}),
            _object("ConfigMap", AUTHORITIES, "data", {"ca.crt": beside.certificate + issuer}),
            *(
                tls_secret(beside.authority, folder, name, NAMESPACE, *(HOSTS[host] for host in hosts))
                for name, hosts in CERTIFICATES.items()
            ),
        ]
    cluster.kubectl.apply(yaml.safe_dump_all(objects))
    return found


def upgrade(found: Installation, beside: Outside) -> None:
    """Install the chart, or upgrade it with the same values, and return once every pod is ready."""
    found.install(images.values(found.cluster), values(beside), base=PRODUCTION)


def storage(found: Installation, beside: Outside) -> dict[str, Any]:
    """Return the buckets and the rights of each service that the S3 is to have, as the chart's ConfigMap says."""
    built_in = {"minio": {"enabled": True}, "s3": {"endpoint": "", "auth": {"existingSecret": ""}}, "checks": False}
    with tempfile.TemporaryDirectory() as work:
        files = Path(work) / "own.yaml", Path(work) / "built-in.yaml"
        for file, chosen in zip(files, (values(beside), built_in), strict=True):
            file.write_text(yaml.safe_dump(chosen))
        chosen_files = [word for file in (PRODUCTION, *files) for word in ("--values", str(file))]
        template = "templates/minio/configmap.yaml"
        rendered = found.helm("template", found.release, CHART, *chosen_files, "--show-only", template)
    shown: dict[str, Any] = yaml.safe_load(yaml.safe_load(rendered)["data"]["storage.yaml"])
    return shown


def services(keys: Mapping[str, str]) -> set[str]:
    """Return who has a pair of keys and is on."""
    return {key.removesuffix("-access-key") for key in keys if key.endswith("-access-key")} - {"pipeline-metrics"}


class Api:
    """The serving API by its name and certificate, through the ingress."""

    def __init__(self, found: Installation, beside: Outside) -> None:
        self._address = found.cluster.address
        self._context = ssl.create_default_context(cadata=beside.certificate)
        self.key = found.secret(found.name("serving"))["api-key"]
        """What is asked with; a rotation gives another."""

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection that checks whom it has reached."""
        return _Connection(HOSTS["api"], self._address, self._context)

    def ask(self, method: str, path: str, body: str | None = None, key: str | None = None) -> tuple[int, bytes]:
        """Ask once, on a connection of its own."""
        connection = self.connect()
        headers = {"X-API-KEY": key or self.key, "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class _Connection(http.client.HTTPSConnection):
    """One to a name that no name server knows."""

    def __init__(self, host: str, address: str, context: ssl.SSLContext) -> None:
        super().__init__(host, timeout=30, context=context)
        self._place, self._trusted = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._place, 443), self.timeout)
        self.sock = self._trusted.wrap_socket(plain, server_hostname=self.host)


def _object(kind: str, name: str, field: str, data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, field: data}


def _placed(manifests: str) -> str:
    """Return manifests with the namespace in each."""
    found = list(yaml.safe_load_all(manifests))
    for one in found:
        one["metadata"]["namespace"] = NAMESPACE
    return yaml.safe_dump_all(found)
