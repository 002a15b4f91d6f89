"""Fetches the releases that a pod's annotations name, before its server starts: `python -m serving.fetch`.

The deploy step writes `molino.dev/release.<model>: "<version>"` into the pod template; the Downward API hands the
annotations over as a file. Each bundle is verified, and only then the pointer file is written.
"""

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from molino.errors import MolinoError, ReleaseError, StoreError
from molino.pointer import bundle_path, write_pointer
from molino.release import MODEL_FILENAME, RELEASE_FILENAME, release_prefix
from serving.settings import load_serving_settings

ANNOTATION = re.compile(r'^molino\.dev/release\.([a-z][a-z0-9-]{0,39})="(\d+)"$')


class Objects(Protocol):
    """The one thing that is asked of the object store."""

    def fget_object(self, bucket_name: str, object_name: str, file_path: str) -> object:
        """Copy an object to a file."""


class FetchSettings(BaseSettings):
    """Where the releases are."""

    model_config = SettingsConfigDict(env_prefix="MOLINO_", frozen=True, extra="ignore")

    store: str = Field(pattern=r"^s3://[^/]+")
    s3_endpoint: str = "https://s3.amazonaws.com"
    s3_access_key: str | None = None
    s3_secret_key: SecretStr | None = None
    s3_region: str = "us-east-1"
    annotations_file: Path = Path("/etc/podinfo/annotations")


def deployed_releases(annotations: str) -> dict[str, str]:
    """Return model to version from a Downward API file of annotations."""
    matches = (ANNOTATION.match(line) for line in annotations.splitlines())
    return {match[1]: match[2] for match in matches if match}


def fetch_release(client: Objects, bucket: str, prefix: str, home: Path, model: str, version: str) -> None:
    """Copy one bundle below `home` and verify it.

    Raises:
        ReleaseError: the graph's SHA-256 differs from the one that release.json names.
    """
    folder = bundle_path(home, model, version)
    for name in (RELEASE_FILENAME, MODEL_FILENAME):
        client.fget_object(bucket, f"{prefix}{release_prefix(model, version)}{name}", str(folder / name))
    expected = json.loads((folder / RELEASE_FILENAME).read_bytes())["onnx_sha256"]
    found = hashlib.sha256((folder / MODEL_FILENAME).read_bytes()).hexdigest()
    if found != expected:
        raise ReleaseError(
            f"{model} version {version}: sha256 of {MODEL_FILENAME} is {found}, but its {RELEASE_FILENAME} says "
            f"{expected}; deploy another version"
        )


def fetch_all(settings: FetchSettings, home: Path) -> dict[str, str]:
    """Fetch every deployed release and point the server to them.

    Raises:
        StoreError: the store can't be reached, or lacks a bundle.
        ReleaseError: a bundle was altered.
    """
    from minio import Minio
    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    endpoint = urlsplit(settings.s3_endpoint)
    secret = settings.s3_secret_key
    client = Minio(
        endpoint=endpoint.netloc,
        access_key=settings.s3_access_key,
        secret_key=secret.get_secret_value() if secret else None,
        region=settings.s3_region,
        secure=endpoint.scheme == "https",
    )
    bucket, _, prefix = settings.store.removeprefix("s3://").partition("/")
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    deployed = deployed_releases(settings.annotations_file.read_text())
    for model, version in deployed.items():
        try:
            fetch_release(client, bucket, prefix, home, model, version)
        except (MinioException, HTTPError) as error:
            where = f"{settings.store}/{release_prefix(model, version)} at {settings.s3_endpoint}"
            raise StoreError(f"can't fetch {where}: {error}") from error
    write_pointer(home, deployed)
    return deployed


def main() -> None:
    """Fetch, and say what was fetched."""
    try:
        deployed = fetch_all(FetchSettings(), load_serving_settings().releases)
    except MolinoError as error:
        sys.exit(str(error))
    print(json.dumps({"event": "releases fetched", "releases": deployed}), file=sys.stderr)


if __name__ == "__main__":
    main()
