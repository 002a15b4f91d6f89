"""Fetches the releases that a pod's annotations name, before its server starts: `python -m serving.fetch`.

The deploy step writes `molino.dev/release.<model>: "<version>"` into the pod template; the Downward API hands the
annotations over as a file. Each bundle is verified and loaded once, and only then the pointer file is written. A store
that isn't there yet is waited for and named, even where nothing has been deployed: this is the first that wants it.
"""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import structlog
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from molino.contracts.errors import MolinoError, ReleaseError, StoreError
from molino.contracts.pointer import bundle_path, write_pointer
from molino.contracts.release import MODEL_FILENAME, RELEASE_FILENAME, release_prefix
from molino.logs import configure_logs
from serving.settings import load_serving_settings

CONNECT_SECONDS, READ_SECONDS = 3.0, 60.0
PATIENCE_SECONDS = 120.0
"""How long the store is waited for: less than the deploy step waits, which tells why a pod doesn't come up."""
RELEASES = "releases/"
PREFIX = "molino.dev/release."
ANNOTATION = re.compile(r'^molino\.dev/release\.([a-z][a-z0-9-]{0,39})="(\d+)"$')


class Objects(Protocol):
    """What is asked of the object store."""

    def fget_object(self, bucket_name: str, object_name: str, file_path: str) -> object:
        """Copy an object to a file."""

    def list_objects(self, bucket_name: str, prefix: str) -> Iterator[object]:
        """Yield what is below a prefix."""


class FetchSettings(BaseSettings):
    """Where the releases are."""

    model_config = SettingsConfigDict(env_prefix="MOLINO_", frozen=True, extra="ignore")

    store: str = Field(pattern=r"^s3://[^/]+")
    s3_endpoint: str = "https://s3.amazonaws.com"
    s3_access_key: str | None = None
    s3_secret_key: SecretStr | None = None
    s3_region: str = "us-east-1"
    s3_identity: bool = False
    """Whether the pod's own account stands for keys."""
    annotations_file: Path = Path("/etc/podinfo/annotations")


def deployed_releases(annotations: str) -> dict[str, str]:
    """Return model to version from a Downward API file of annotations."""
    matches = (ANNOTATION.match(line) for line in annotations.splitlines())
    return {match[1]: match[2] for match in matches if match}


def strange_releases(annotations: str) -> list[str]:
    """Return the annotations of releases that name no version of a model."""
    return [line for line in annotations.splitlines() if line.startswith(PREFIX) and not ANNOTATION.match(line)]


def fetch_release(client: Objects, bucket: str, prefix: str, home: Path, model: str, version: str) -> None:
    """Copy one bundle below `home`, and load it once: what can't be served is told here, where the deploy step looks.

    Raises:
        ReleaseError: it was altered, can't be loaded, or doesn't answer its own example as it should.
    """
    from serving.inference.model import load_bundle

    folder = bundle_path(home, model, version)
    for name in (RELEASE_FILENAME, MODEL_FILENAME):
        client.fget_object(bucket, f"{prefix}{release_prefix(model, version)}{name}", str(folder / name))
    try:
        load_bundle(folder)
    except ReleaseError as error:
        raise ReleaseError(f"{model} version {version}: {error}; deploy another version") from error


def wait_for_releases(client: Objects, bucket: str, prefix: str, where: str, patience: float) -> None:
    """Return once the place of the releases can be listed; say once what it waits for.

    Raises:
        StoreError: it can't be in that many seconds.
    """
    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    deadline, shown = time.monotonic() + patience, ""
    while True:
        try:
            next(client.list_objects(bucket, prefix + RELEASES), None)
            return
        except (MinioException, HTTPError) as error:
            cause = f"can't read {where}: {' '.join(str(error).split())}"
            if time.monotonic() > deadline:
                raise StoreError(f"{cause}; check s3.endpoint, its buckets and the keys of serving") from error
        if cause != shown:
            structlog.get_logger().warning("waiting for the store", cause=cause)
            shown = cause
        time.sleep(0.5)


def connect(settings: FetchSettings) -> Objects:
    """Return a client of the settings' S3, which gives up in seconds where nothing answers."""
    from minio import Minio
    from minio.credentials.providers import IamAwsProvider
    from urllib3 import PoolManager, Timeout

    endpoint = urlsplit(settings.s3_endpoint)
    secret = settings.s3_secret_key
    client: Objects = Minio(
        endpoint=endpoint.netloc,
        access_key=settings.s3_access_key,
        secret_key=secret.get_secret_value() if secret else None,
        region=settings.s3_region,
        credentials=IamAwsProvider(region=settings.s3_region) if settings.s3_identity else None,
        secure=endpoint.scheme == "https",
        http_client=PoolManager(timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS), retries=False),
    )
    return client


def fetch_all(settings: FetchSettings, home: Path, patience: float = PATIENCE_SECONDS) -> dict[str, str]:
    """Fetch every deployed release and point the server to them.

    Raises:
        StoreError: the store can't be reached, or lacks a bundle.
        ReleaseError: a bundle was altered.
    """
    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    client = connect(settings)
    bucket, _, prefix = settings.store.removeprefix("s3://").partition("/")
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    wait_for_releases(client, bucket, prefix, f"{settings.store} at {settings.s3_endpoint}", patience)
    annotations = settings.annotations_file.read_text()
    deployed = deployed_releases(annotations)
    for line in strange_releases(annotations):
        cause = f'expected {PREFIX}<model>="<number>"'
        structlog.get_logger().warning("annotation passed over", annotation=line, cause=cause)
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
        configure_logs()
        deployed = fetch_all(FetchSettings(), load_serving_settings().releases)
    except MolinoError as error:
        sys.exit(str(error))
    structlog.get_logger().info("releases fetched", releases=deployed)


if __name__ == "__main__":
    main()
