"""The object store in a bucket of any S3, through the `minio` client."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlsplit

from molino.contracts.address import Address
from molino.contracts.errors import SettingsError, StoreError
from molino.contracts.record import Artifact
from molino.contracts.settings import Settings
from training.stores import git_bundles
from training.stores.contract import PROBE_KEY, Listed, Store
from training.stores.opening import sha256_of

if TYPE_CHECKING:
    from minio import Minio
    from urllib3.exceptions import MaxRetryError

AWS_ENDPOINT = "https://s3.amazonaws.com"
CONNECT_SECONDS = 3.0
READ_SECONDS = 60.0
RETRIES = 4
BACKOFF_SECONDS = 0.25
MISSING_OBJECT = frozenset({"NoSuchKey", "NoSuchObject"})
REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"})


class S3Store(Store):
    """Objects in a bucket, below a prefix; reads and writes in pieces, so that memory stays bounded.

    Raises:
        SettingsError: the endpoint is no URL of a server.
        StoreError: no bucket can have that name.
    """

    scheme: ClassVar[str] = "s3"
    settings_named: ClassVar[str] = "MOLINO_S3_ENDPOINT, MOLINO_S3_ACCESS_KEY and MOLINO_S3_SECRET_KEY"
    git_pauses: ClassVar[tuple[float, ...]] = (0.1, 0.5, 2.0)
    git_locks_stay: ClassVar[bool] = False
    git_too_late: ClassVar[tuple[str, ...]] = git_bundles.TOO_LATE

    def __init__(self, bucket: str, prefix: str, settings: Settings) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.endpoint = settings.s3_endpoint or AWS_ENDPOINT
        self.client = connect(settings)
        _refuse_no_name(bucket)
        self._bucket_seen = False

    @classmethod
    def open(cls, address: Address, settings: Settings) -> Self:
        bucket, _, prefix = address.partition("://")[2].partition("/")
        return cls(bucket, prefix, settings)

    def read(self, key: str) -> bytes:
        with self._errors(key):
            response = self.client.get_object(self.bucket, self.prefix + key)
            try:
                return bytes(response.read())
            finally:
                response.close()
                response.release_conn()

    def write(self, key: str, data: bytes) -> Artifact:
        with self._errors(key):
            self.client.put_object(self.bucket, self.prefix + key, io.BytesIO(data), len(data))
        return Artifact(key=key, uri=self.uri(key), sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

    def download(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors(key):
            part = path.with_name(path.name + ".part")
            self.client.fget_object(self.bucket, self.prefix + key, str(path), tmp_file_path=str(part))

    def upload(self, path: Path, key: str, rows: int | None = None) -> Artifact:
        return self.take(path, key, sha256_of(path), rows)

    def take(self, path: Path, key: str, sha256: str, rows: int | None = None) -> Artifact:
        with self._errors(key):
            self.client.fput_object(self.bucket, self.prefix + key, str(path))
        return Artifact(key=key, uri=self.uri(key), sha256=sha256, bytes=path.stat().st_size, rows=rows)

    def exists(self, key: str) -> bool:
        from minio.error import S3Error

        with self._errors(key):
            try:
                self.client.stat_object(self.bucket, self.prefix + key)
            except S3Error as error:
                if error.code not in MISSING_OBJECT:
                    raise
                self._refuse_missing_bucket()
                return False
            return True

    def size(self, key: str) -> int:
        if not self.exists(key):
            raise StoreError(f"{self.uri(key)}: there is no such object")
        with self._errors(key):
            return int(self.client.stat_object(self.bucket, self.prefix + key).size or 0)

    def list(self, prefix: str) -> Iterator[str]:
        with self._errors(prefix):
            for item in self.client.list_objects(self.bucket, self.prefix + prefix, recursive=True):
                yield (item.object_name or "").removeprefix(self.prefix)

    def listed(self, prefix: str) -> Iterator[Listed]:
        with self._errors(prefix):
            for item in self.client.list_objects(self.bucket, self.prefix + prefix, recursive=True):
                key = (item.object_name or "").removeprefix(self.prefix)
                yield Listed(key, item.size or 0, f"{item.etag}-{item.last_modified.isoformat()}")

    def folders(self, prefix: str) -> Iterator[str]:
        with self._errors(prefix):
            for item in self.client.list_objects(self.bucket, self.prefix + prefix):
                if item.is_dir:
                    yield (item.object_name or "").removeprefix(self.prefix + prefix).rstrip("/")

    def delete(self, key: str) -> None:
        with self._errors(key):
            self.client.remove_object(self.bucket, self.prefix + key)

    def written(self, prefix: str) -> dict[str, datetime]:
        """Return when each object below a prefix was written."""
        with self._errors(prefix):
            items = self.client.list_objects(self.bucket, self.prefix + prefix, recursive=True)
            return {(item.object_name or "").removeprefix(self.prefix): item.last_modified for item in items}

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}"

    @classmethod
    def locate(cls, address: Address, settings: Settings) -> tuple[Self, str]:
        bucket, _, key = address.secret.partition("://")[2].partition("/")
        if not bucket or not key or "@" in bucket:
            raise StoreError(f"{address}: expected s3://bucket/key")
        return cls(bucket, "", settings), key

    @classmethod
    def server(cls, settings: Settings) -> str | None:
        return settings.s3_endpoint or AWS_ENDPOINT

    @classmethod
    def dvc_remote(cls, address: Address, settings: Settings) -> dict[str, str]:
        remote = {"url": str(address), "region": settings.s3_region}
        return remote | ({"endpointurl": str(settings.s3_endpoint)} if settings.s3_endpoint else {})

    @classmethod
    def dvc_credentials(cls, address: Address, settings: Settings) -> dict[str, str]:  # noqa: ARG003
        secret = settings.s3_secret_key
        if not settings.s3_access_key or not secret:
            return {}
        return {"access_key_id": settings.s3_access_key, "secret_access_key": secret.get_secret_value()}

    @classmethod
    def refuse_unreachable(cls, address: Address, settings: Settings) -> None:
        cls.open(address, settings).exists(PROBE_KEY)

    @classmethod
    def git_environment(cls, address: Address, settings: Settings, scratch: Path) -> dict[str, str]:  # noqa: ARG003
        return git_bundles.environment(settings, scratch)

    @classmethod
    def mend_git(cls, address: Address, branch: str, settings: Settings) -> None:
        git_bundles.recover(cls.open(address, settings), branch)

    @classmethod
    def left_git_lock(cls, address: Address, branch: str, settings: Settings) -> str | None:
        return git_bundles.left_lock(cls.open(address, settings), branch)

    def _refuse_missing_bucket(self) -> None:
        """The answer to a HEAD has no body: it doesn't tell a missing bucket from a missing object."""
        if not self._bucket_seen and not self.client.bucket_exists(self.bucket):
            raise StoreError(f"s3://{self.bucket}: {self._no_bucket}")
        self._bucket_seen = True

    @property
    def _no_bucket(self) -> str:
        return f"there is no bucket {self.bucket!r} at {self.endpoint}; make it, or check its name"

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        """Turn the client's errors into one line that names the object, and says what to do."""
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except (MinioException, HTTPError) as error:
            raise StoreError(f"{self.uri(key)}: {self._explain(error)}") from error

    def _explain(self, error: Exception) -> str:
        from minio.error import InvalidResponseError, S3Error, ServerError
        from urllib3.exceptions import MaxRetryError

        if isinstance(error, MaxRetryError):
            return (
                f"no answer from {self.endpoint} ({_reason(error)}); check MOLINO_S3_ENDPOINT, and that the store runs"
            )
        if isinstance(error, InvalidResponseError | ServerError):
            return f"{self.endpoint} doesn't answer as S3 does; check MOLINO_S3_ENDPOINT"
        if not isinstance(error, S3Error):
            return f"the connection to {self.endpoint} broke off ({error}); run the step again"
        if error.code in MISSING_OBJECT:
            return "there is no such object"
        if error.code == "NoSuchBucket":
            return self._no_bucket
        if error.code in REFUSED:
            return (
                f"{self.endpoint} refuses ({error.code}); check MOLINO_S3_ACCESS_KEY and MOLINO_S3_SECRET_KEY, "
                f"and what the key may do in the bucket {self.bucket!r}"
            )
        return f"{self.endpoint} answers {error.code}: {' '.join(str(error.message).split())}"


def connect(settings: Settings) -> "Minio":
    """Return a client of the settings' S3. It gives up in seconds where nothing answers.

    Raises:
        SettingsError: the endpoint is no URL of a server.
    """
    from minio import Minio
    from minio.credentials.providers import IamAwsProvider
    from urllib3 import PoolManager, Retry, Timeout

    address = Address(settings.s3_endpoint or AWS_ENDPOINT)
    endpoint = urlsplit(address)
    if address.credentials:
        raise SettingsError(
            f"MOLINO_S3_ENDPOINT: expected {address} alone; its keys are MOLINO_S3_ACCESS_KEY and MOLINO_S3_SECRET_KEY"
        )
    if endpoint.scheme not in ("http", "https") or not endpoint.netloc or endpoint.path.strip("/"):
        raise SettingsError(
            f"MOLINO_S3_ENDPOINT: expected the URL of a server, such as http://minio:9000, not {settings.s3_endpoint!r}"
        )
    retry = Retry(total=RETRIES, read=1, backoff_factor=BACKOFF_SECONDS, status_forcelist=(500, 502, 503, 504))
    pool = PoolManager(
        timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS), maxsize=10, retries=retry, ca_certs=_certificates()
    )
    secret = settings.s3_secret_key
    return Minio(
        endpoint=endpoint.netloc,
        access_key=settings.s3_access_key,
        secret_key=secret.get_secret_value() if secret else None,
        region=settings.s3_region,
        credentials=IamAwsProvider(region=settings.s3_region) if settings.s3_identity else None,
        secure=endpoint.scheme == "https",
        http_client=pool,
    )


def _refuse_no_name(bucket: str) -> None:
    from minio.helpers import check_bucket_name

    try:
        check_bucket_name(bucket)
    except ValueError as error:
        raise StoreError(f"s3://{bucket}: {error}; check its name") from error


def _certificates() -> str:
    """Return the file of trusted authorities: the machine's where it names one, as the client has it by default."""
    import os

    import certifi

    return os.environ.get("SSL_CERT_FILE") or certifi.where()


def _reason(error: "MaxRetryError") -> str:
    """Return the last cause of a failed connection, without the client's own words before it."""
    return str(error.reason or error).rpartition(": ")[2]
