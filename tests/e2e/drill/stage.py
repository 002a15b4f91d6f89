"""What the drill is played on: an S3 that outlives the installation, and one whose backups go there."""

import base64
import os
from collections.abc import Mapping
from typing import Any

from tests.cluster.cluster import Cluster
from tests.cluster.phases import phase
from tests.e2e.installed import images, models
from tests.e2e.installed.installation import Installation

NAMESPACE, VAULT = "molino", "vault"
"""Of the installation that is lost, and of the S3 for its backups."""
BUCKET = "molino-backups"
MODEL = "homes"
KEYS, ENCRYPTION = "backup-keys", "backup-encryption"
"""Secrets of the namespace: what logs in at that S3, and what encrypts."""
ROOT_USER, ROOT_PASSWORD = "minio", "mercadolibre"
"""Of the S3 for backups, by values-kind.yaml."""


def vault(cluster: Cluster) -> Installation:
    """Return the S3 for backups, empty: the chart with MinIO alone."""
    found = Installation(cluster, VAULT, release=VAULT)
    found.make_namespace()
    off = {part: {"enabled": False} for part in ("airflow", "mlflow", "postgres", "serving", "tensorboard")}
    with phase("an S3 for backups"):
        found.install({**images.values(cluster), **off, "s3": {"buckets": {"logs": BUCKET}}})
    return found


def installation(cluster: Cluster, encryption_key: str, values: Mapping[str, Any]) -> Installation:
    """Return a new installation in an empty namespace, whose backups go to that S3.

    Args:
        cluster: the cluster.
        encryption_key: of the sets.
        values: further ones, of `backup` and `postgres`.
    """
    found = Installation(cluster, NAMESPACE, starts=20)
    found.make_namespace()
    for name, data in (
        (KEYS, {"access-key": ROOT_USER, "secret-key": ROOT_PASSWORD}),
        (ENCRYPTION, {"encryption-key": encryption_key}),
    ):
        found.kubectl(
            "create", "secret", "generic", name, *(f"--from-literal={key}={one}" for key, one in data.items())
        )
    upgrade(found, values)
    return found


def lose(found: Installation) -> None:
    """Take an installation away with its volumes, as a cluster that burns down does."""
    found.cluster.kubectl("delete", "namespace", found.namespace, "--timeout=300s")


def upgrade(found: Installation, values: Mapping[str, Any]) -> None:
    """Install the release, or upgrade it, and return once all is ready."""
    backup = {
        "enabled": True,
        "destination": {"endpoint": f"http://{VAULT}-minio.{VAULT}:9000", "bucket": BUCKET},
        "auth": {"existingSecret": KEYS, "encryptionSecret": ENCRYPTION},
        **values["backup"],
    }
    own = {
        **images.values(found.cluster),
        "networkPolicies": {"enabled": True},
        "models": {MODEL: models.small(MODEL)},
        "backup": backup,
    }
    own["postgres"] = {**own.get("postgres", {}), "archive": values["archive"]}
    found.install(own)


def new_key() -> str:
    """Return a key for sets."""
    return base64.b64encode(os.urandom(32)).decode()
