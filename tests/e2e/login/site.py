"""The installation's addresses: pages for people, and those where programs ask."""

import ssl
from typing import Any

import urllib3

from tests.e2e.installed import images, models
from tests.e2e.installed.installation import PASSWORD, USER, Installation
from tests.e2e.login import provider
from tests.e2e.login.people import ADMIN, ENGINEER

HOSTS = {name: f"{name}.molino.test" for name in ("airflow", "mlflow", "tensorboard", "minio", "models", "api")}
"""`models` is serving's host for people, `api` the one for programs."""
PAGES = ("airflow", "mlflow", "tensorboard", "minio")
"""Those with an ingress of their own for people."""
PROXIED = ("mlflow", "tensorboard", "minio", "models")
SHOWN = {
    "mlflow": "Experiments",
    "tensorboard": "TensorBoard",
    "minio": "High-Performance Object Store",
    "models": "Models in service",
}
"""What a page shows those who may see it."""
MODEL = "homes"
SECRET, AUTHORITY = "login", "login-ca"
SESSION_SECONDS = 28_800
CALLBACKS = [
    f"https://{HOSTS['airflow']}/auth/oauth-authorized/openid",
    *(f"https://{HOSTS[name]}/oauth2/callback" for name in PROXIED),
]
ADMINS, ENGINEERS = (person.groups[0] for person in (ADMIN, ENGINEER))


def address(page: str) -> str:
    """Return where a browser finds a page."""
    return f"https://{HOSTS[page]}/"


def values(session_seconds: int = SESSION_SECONDS) -> dict[str, Any]:
    """Return the values of an installation with login, over values-kind.yaml and those that name the images."""
    namespace = {"matchLabels": {"kubernetes.io/metadata.name": provider.NAMESPACE}}
    proxied = {"groups": [ADMINS, ENGINEERS]}
    return {
        **{page: {"ingress": {"enabled": True, "host": HOSTS[page]}} for page in PAGES},
        "serving": {"ingress": {"allHosts": False, "host": HOSTS["api"]}},
        "models": {MODEL: models.small(MODEL)},
        "networkPolicies": {"enabled": True, "to": {"issuer": {"peers": [{"namespaceSelector": namespace}]}}},
        "network": {"caConfigMap": AUTHORITY},
        "tls": {"selfSigned": True},
        "oidc": {
            "enabled": True,
            "config": {"issuer": f"https://{provider.HOST}", "sessionSeconds": session_seconds},
            "auth": {"existingSecret": SECRET},
            "airflow": {"roles": {"Admin": [ADMINS], "User": [ENGINEERS]}},
            "mlflow": proxied,
            "tensorboard": proxied,
            "minio": {**proxied, "enabled": True},
            "serving": {**proxied, "host": HOSTS["models"]},
        },
    }


def upgrade(installation: Installation, session_seconds: int = SESSION_SECONDS) -> None:
    """Install the chart, or change how long a login lasts; wait until every pod is ready."""
    installation.install(images.values(installation.cluster), values(session_seconds))


class Programs:
    """How programs ask: through the ingress by names of hosts, whose certificate they check."""

    def __init__(self, installation: Installation) -> None:
        self._address = installation.cluster.address
        self._context = ssl.create_default_context(
            cadata=installation.secret(installation.name("ingress-tls"))["tls.crt"]
        )

    def airflow_token(self) -> dict[str, str]:
        """Return the header by which Airflow takes a program, for its password."""
        answer = self.ask("airflow", "POST", "/auth/token", json={"username": USER, "password": PASSWORD})
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def ask(self, host: str, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """Ask, and follow nothing.

        Args:
            host: A key of `HOSTS`.
            method: Of HTTP.
            path: Of the request.
            options: More of it, as urllib3 takes it.
        """
        headers = {"Host": HOSTS[host], **options.pop("headers", {})}
        with urllib3.HTTPSConnectionPool(
            self._address, ssl_context=self._context, server_hostname=HOSTS[host], assert_hostname=HOSTS[host]
        ) as pool:
            return pool.request(method, path, headers=headers, redirect=False, retries=False, timeout=60, **options)
