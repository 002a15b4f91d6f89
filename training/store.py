"""The object store: one small interface, a local folder or S3 behind it."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from molino.errors import StoreError
from molino.record import Artifact
from molino.settings import Settings

CHUNK_BYTES = 1 << 20


class Store(Protocol):
    """Objects under keys such as `runs/housing/r1/ingest.json`. A write is whole or not at all."""

    def read(self, key: str) -> bytes:
        """Return an object's bytes; StoreError when there is none."""

    def write(self, key: str, data: bytes) -> Artifact:
        """Put bytes under a key, over what was there."""

    def download(self, key: str, path: Path) -> None:
        """Copy an object to a file, made whole or not at all; StoreError when there is none."""

    def upload(self, path: Path, key: str, rows: int | None = None) -> Artifact:
        """Copy a file under a key, over what was there, and return its reference."""

    def exists(self, key: str) -> bool:
        """Tell whether a key holds an object."""

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix, in order."""

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""

    def uri(self, key: str) -> str:
        """Return the address for people and tools."""


class FolderStore:
    """Objects as files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def read(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except OSError as error:
            raise self._missing(key, error) from error

    def write(self, key: str, data: bytes) -> Artifact:
        with self._replacing(key) as path:
            path.write_bytes(data)
        return Artifact(key=key, uri=self.uri(key), sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

    def download(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        try:
            shutil.copyfile(self._path(key), part)
        except OSError as error:
            raise self._missing(key, error) from error
        part.replace(path)

    def upload(self, path: Path, key: str, rows: int | None = None) -> Artifact:
        with self._replacing(key) as target:
            shutil.copyfile(path, target)
        return Artifact(key=key, uri=self.uri(key), sha256=sha256_of(path), bytes=path.stat().st_size, rows=rows)

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def list(self, prefix: str) -> Iterator[str]:
        folder = self.root / prefix.rpartition("/")[0]
        keys = (path.relative_to(self.root).as_posix() for path in folder.rglob("*") if path.is_file())
        yield from sorted(key for key in keys if key.startswith(prefix) and not key.endswith(".part"))

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def uri(self, key: str) -> str:
        return self._path(key).as_uri()

    def _path(self, key: str) -> Path:
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root):
            raise StoreError(f"key {key!r} leads out of the store {self.root}")
        return path

    def _missing(self, key: str, error: OSError) -> StoreError:
        return StoreError(f"no object {key!r} in the store {self.root}: {error.strerror}")

    def _replacing(self, key: str) -> "_Replacing":
        return _Replacing(self._path(key))


class _Replacing:
    """A passing file beside the target that takes its place at the end."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __enter__(self) -> Path:
        self.target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=self.target.parent)
        os.close(handle)
        self.part = Path(name)
        return self.part

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.part.replace(self.target)
        else:
            self.part.unlink(missing_ok=True)


class S3Store:
    """Objects in a bucket of any S3, through the `minio` client."""

    def __init__(self, bucket: str, prefix: str, settings: Settings) -> None:
        from minio import Minio

        endpoint = urlsplit(settings.s3_endpoint or "https://s3.amazonaws.com")
        secret = settings.s3_secret_key
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.client = Minio(
            endpoint=endpoint.netloc,
            access_key=settings.s3_access_key,
            secret_key=secret.get_secret_value() if secret else None,
            region=settings.s3_region,
            secure=endpoint.scheme == "https",
        )

    def read(self, key: str) -> bytes:
        with self._errors(key):
            response = self.client.get_object(self.bucket, self.prefix + key)
            try:
                return bytes(response.read())
            finally:
                response.close()
                response.release_conn()

    def write(self, key: str, data: bytes) -> Artifact:
        import io

        with self._errors(key):
            self.client.put_object(self.bucket, self.prefix + key, io.BytesIO(data), len(data))
        return Artifact(key=key, uri=self.uri(key), sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

    def download(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors(key):
            self.client.fget_object(self.bucket, self.prefix + key, str(path))

    def upload(self, path: Path, key: str, rows: int | None = None) -> Artifact:
        with self._errors(key):
            self.client.fput_object(self.bucket, self.prefix + key, str(path))
        return Artifact(key=key, uri=self.uri(key), sha256=sha256_of(path), bytes=path.stat().st_size, rows=rows)

    def exists(self, key: str) -> bool:
        from minio.error import S3Error

        with self._errors(key):
            try:
                self.client.stat_object(self.bucket, self.prefix + key)
            except S3Error as error:
                if error.code in ("NoSuchKey", "NoSuchObject"):
                    return False
                raise
            return True

    def list(self, prefix: str) -> Iterator[str]:
        with self._errors(prefix):
            for item in self.client.list_objects(self.bucket, self.prefix + prefix, recursive=True):
                yield (item.object_name or "").removeprefix(self.prefix)

    def delete(self, key: str) -> None:
        with self._errors(key):
            self.client.remove_object(self.bucket, self.prefix + key)

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def _errors(self, key: str) -> "_S3Errors":
        return _S3Errors(self.uri(key))


class _S3Errors:
    """Turns the client's errors into one line that names the object."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

        if isinstance(error, MinioException | HTTPError):
            raise StoreError(f"{self.uri}: {error}") from error


def open_store(settings: Settings) -> Store:
    """Return the store that the settings name."""
    uri = settings.store_uri
    if uri.startswith("s3://"):
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return S3Store(bucket, prefix, settings)
    return FolderStore(Path(uri.removeprefix("file://")))


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(store: Store, artifact: Artifact, path: Path) -> Path:
    """Download an artifact and check it; a file that is already there and right is kept.

    Raises:
        StoreError: it is missing, or its SHA-256 differs from the record's.
    """
    if path.is_file() and sha256_of(path) == artifact.sha256:
        return path
    store.download(artifact.key, path)
    found = sha256_of(path)
    if found != artifact.sha256:
        path.unlink()
        raise StoreError(
            f"{artifact.uri}: sha256 is {found}, but the record says {artifact.sha256}; "
            "the object was altered after the step that wrote it: start a new run"
        )
    return path
