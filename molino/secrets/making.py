"""What the Secrets of an installation hold, by part, and strong values for it."""

import base64
import os
import secrets
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from molino.contracts.errors import MolinoError

LETTERS = string.ascii_letters + string.digits
LENGTH = 40
"""Letters and digits of a password: 238 bits, and no sign that YAML, a URL, a header or a shell takes for its own."""
USER = "admin"
SERVICES = ("steps", "mlflow", "airflow", "serving", "tensorboard", "backup", "pipeline-metrics")
"""Those who have a pair of keys of S3."""
PAIRS = tuple(f"{service}-{kind}-key" for service in SERVICES for kind in ("access", "secret"))
PARTS: Mapping[str, tuple[str, ...]] = {
    "airflow": ("username", "password", "fernet-key", "jwt-secret", "api-secret-key"),
    "mlflow": ("username", "password", "flask-secret-key"),
    "tensorboard": ("username", "password"),
    "serving": ("api-keys", "api-key"),
    "database": ("airflow-password", "mlflow-password", "mlflow-auth-password"),
    "postgres": ("postgres-password", "airflow-password", "mlflow-password", "mlflow-auth-password"),
    "s3": PAIRS,
    "minio": ("root-user", "root-password", *PAIRS),
}
"""Keys by part. `database` and `s3` are an external Postgres and S3, `postgres` and `minio` the chart's own; an S3 that
gives out its keys itself has others."""


class SecretsError(MolinoError):
    """A Secret can't be read or written, or isn't one that can be changed so."""


def value(key: str) -> str:
    """Return a new value for a key, which only names are known by beforehand."""
    if key in ("username", "root-user"):
        return USER
    if key == "fernet-key":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    if key.endswith("-access-key"):
        return f"{key.removesuffix('-access-key')}-{secrets.token_hex(4)}"
    return "".join(secrets.choice(LETTERS) for _ in range(64 if key == "jwt-secret" else LENGTH))


def keys_of(part: str) -> tuple[str, ...]:
    """Return the keys of a part.

    Raises:
        SecretsError: there is no such part.
    """
    if part not in PARTS:
        raise SecretsError(f"there are no secrets of {part!r}: expected one of {', '.join(PARTS)}")
    return PARTS[part]


def made(part: str) -> dict[str, str]:
    """Return new values for all keys of a part.

    Raises:
        SecretsError: there is no such part.
    """
    found = {key: value(key) for key in keys_of(part)}
    if part == "serving":
        found["api-keys"] = found["api-key"]
    return found


def manifest(name: str, data: Mapping[str, str], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Secret as Kubernetes takes it."""
    coded = {key: base64.b64encode(one.encode()).decode() for key, one in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, **metadata},
        "type": "Opaque",
        "data": coded,
    }


def write(documents: Sequence[Mapping[str, Any]], file: Path | None) -> None:
    """Write manifests to a new file that its owner alone may read, or print them.

    Raises:
        SecretsError: the file is there already, or can't be written.
    """
    text = yaml.safe_dump_all(documents, sort_keys=False)
    if file is None:
        print(text, end="")
        return
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise SecretsError(f"{file} is there already, and secrets are not written over: name another file") from error
    except OSError as error:
        raise SecretsError(f"{file} can't be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise SecretsError(f"{file} can't be written: {error.strerror}") from error
