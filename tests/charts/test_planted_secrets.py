"""Secrets that are given in values are in Secrets alone: not in a ConfigMap, a pod's spec, or the notes."""

import base64
from hashlib import sha256

import pytest
import yaml
from rendering import CHART, helm, parse

PLANTED = {
    "minio.auth.rootPassword": "planted-of-minio-root",
    "mlflow.auth.password": "planted-of-mlflow",
    "tensorboard.auth.password": "planted-of-tensorboard",
    "airflow.auth.password": "planted-of-airflow",
    "serving.auth.apiKey": "planted-of-serving",
    **{
        f"postgres.auth.passwords.{user}": f"planted-of-postgres-{user}"
        for user in ("postgres", "airflow", "mlflow", "mlflow-auth")
    },
}


@pytest.fixture(scope="module")
def installed() -> str:
    """What an installation with these secrets renders, and the notes that it prints."""
    settings = [word for path, secret in PLANTED.items() for word in ("--set", f"{path}={secret}")]
    more = ["--set", "networkPolicies.enabled=true", "--set", "models.own=content"]
    done = helm("install", "molino", CHART, "--dry-run=client", *settings, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def spellings(secret: str) -> tuple[str, str]:
    """Return a secret as it is, and in base64, wherever it would begin: two letters at both ends aside."""
    return secret, base64.b64encode(secret.encode()).decode().rstrip("=")[2:-2]


@pytest.mark.parametrize("path", PLANTED)
def test_a_secret_of_the_values_is_in_secrets_alone(path: str, installed: str) -> None:
    manifests, _, notes = installed.partition("\nNOTES:\n")
    documents = parse(manifests.partition("MANIFEST:\n")[2])
    secret = PLANTED[path]
    holders = [one for one in documents if any(word in yaml.safe_dump(one) for word in spellings(secret))]
    assert {one["kind"] for one in holders} == {"Secret"}
    assert len(holders) == 1
    assert notes
    assert not any(word in notes for word in spellings(secret))


def test_no_hash_of_a_secret_alone_is_shown(installed: str) -> None:
    """A checksum tells that a password has changed; of one word alone it could be guessed by trying."""
    digests = [sha256(secret.encode()).hexdigest() for secret in PLANTED.values()]
    assert not any(digest[:8] in installed for digest in digests)
