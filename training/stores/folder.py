"""The object store: one small interface, a local folder or S3 behind it."""

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from molino.contracts.errors import StoreError
from molino.contracts.record import Artifact
from molino.contracts.settings import Settings
from training.stores.s3 import S3Store

TEMPORARY = ".part"


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

    def take(self, path: Path, key: str, sha256: str, rows: int) -> Artifact:
        """Do as `upload` with a file that nobody needs any more, and whose SHA-256 is known."""

    def exists(self, key: str) -> bool:
        """Tell whether a key holds an object."""

    def size(self, key: str) -> int:
        """Return an object's size in bytes; StoreError when there is none."""

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
        with self._errors(key):
            return self._path(key).read_bytes()

    def write(self, key: str, data: bytes) -> Artifact:
        with self._errors(key), _replacing(self._path(key)) as path:
            path.write_bytes(data)
        return Artifact(key=key, uri=self.uri(key), sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

    def download(self, key: str, path: Path) -> None:
        with self._errors(key), _replacing(path) as part:
            shutil.copyfile(self._path(key), part)

    def upload(self, path: Path, key: str, rows: int | None = None) -> Artifact:
        sha256 = sha256_of(path)
        with self._errors(key), _replacing(self._path(key)) as target:
            shutil.copyfile(path, target)
        return Artifact(key=key, uri=self.uri(key), sha256=sha256, bytes=path.stat().st_size, rows=rows)

    def take(self, path: Path, key: str, sha256: str, rows: int) -> Artifact:
        size = path.stat().st_size
        with self._errors(key), _replacing(self._path(key)) as target:
            shutil.move(path, target)
        return Artifact(key=key, uri=self.uri(key), sha256=sha256, bytes=size, rows=rows)

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def size(self, key: str) -> int:
        with self._errors(key):
            return self._path(key).stat().st_size

    def list(self, prefix: str) -> Iterator[str]:
        folder = self._path(prefix.rpartition("/")[0])
        paths = (path for path in folder.rglob("*") if path.is_file() and not _is_temporary(path))
        keys = (path.relative_to(self.root).as_posix() for path in paths)
        yield from sorted(key for key in keys if key.startswith(prefix))

    def delete(self, key: str) -> None:
        with self._errors(key):
            self._path(key).unlink(missing_ok=True)

    def uri(self, key: str) -> str:
        return self._path(key).as_uri()

    def _path(self, key: str) -> Path:
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root):
            raise StoreError(f"key {key!r} leads out of the store {self.root}")
        return path

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        """Turn the system's errors into one line that names the object."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise StoreError(f"{self.uri(key)}: there is no such object") from error
        except OSError as error:
            raise StoreError(f"{self.uri(key)}: {error.strerror}; check the folder {self.root} and its disk") from error


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Give a temporary file beside the target, that takes its place at the end, or goes away."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}{TEMPORARY}")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _is_temporary(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(TEMPORARY)


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
