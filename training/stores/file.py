"""The object store in a folder of this machine: a path, or `file://`."""

import hashlib
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Self

from molino.contracts.address import Address
from molino.contracts.errors import StoreError
from molino.contracts.record import Artifact
from molino.contracts.settings import Settings
from training.stores.contract import Listed, Store
from training.stores.opening import sha256_of

TEMPORARY = ".part"
LEFT_SECONDS = 10.0
"""A lock of git in a folder that is older was left: git holds one for milliseconds."""


class FolderStore(Store):
    """Objects as files below a folder."""

    scheme: ClassVar[str] = "file"

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @classmethod
    def open(cls, address: Address, settings: Settings) -> Self:  # noqa: ARG003  # a folder needs no more
        return cls(_folder(address))

    def read(self, key: str) -> bytes:
        with self._errors(key):
            return self._path(key).read_bytes()

    def write(self, key: str, data: bytes) -> Artifact:
        with self._writing(key), _replacing(self._path(key)) as path:
            path.write_bytes(data)
        return Artifact(key=key, uri=self.uri(key), sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

    def download(self, key: str, path: Path) -> None:
        with self._errors(key), _replacing(path) as part:
            shutil.copyfile(self._path(key), part)

    def upload(self, path: Path, key: str, rows: int | None = None) -> Artifact:
        sha256 = sha256_of(path)
        with self._writing(key), _replacing(self._path(key)) as target:
            shutil.copyfile(path, target)
        return Artifact(key=key, uri=self.uri(key), sha256=sha256, bytes=path.stat().st_size, rows=rows)

    def take(self, path: Path, key: str, sha256: str, rows: int) -> Artifact:
        size = path.stat().st_size
        with self._writing(key), _replacing(self._path(key)) as target:
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

    def listed(self, prefix: str) -> Iterator[Listed]:
        folder = self._path(prefix.rpartition("/")[0])
        for path in folder.rglob("*"):
            if path.is_symlink() and path.is_dir():
                raise StoreError(
                    f"{path} is a link to a folder, of which nothing is listed: put the folder in its place"
                )
        for key in self.list(prefix):
            with suppress(FileNotFoundError):  # gone since it was listed
                found = self._path(key).stat()
                yield Listed(key, found.st_size, f"{found.st_mtime_ns}-{found.st_ino}")

    def folders(self, prefix: str) -> Iterator[str]:
        folder = self._path(prefix)
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        yield from (path.name for path in paths if path.is_dir() and any(below.is_file() for below in path.rglob("*")))

    def written(self, prefix: str) -> dict[str, datetime]:
        found = {}
        for key in self.list(prefix):
            with suppress(FileNotFoundError):  # deleted since it was listed
                found[key] = datetime.fromtimestamp(self._path(key).stat().st_mtime, UTC)
        return found

    def tidy(self, prefix: str) -> None:
        folder = self._path(prefix)
        below = sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True)
        for path in (*below, folder):
            with suppress(OSError):  # it isn't empty, or gone
                path.rmdir()

    def delete(self, key: str) -> None:
        with self._errors(key), suppress(NotADirectoryError):  # there is none
            self._path(key).unlink(missing_ok=True)

    def uri(self, key: str) -> str:
        return self._path(key).as_uri()

    @classmethod
    def left_git_lock(cls, address: Address, branch: str, settings: Settings) -> str | None:  # noqa: ARG003
        folder = _folder(address)
        for place in (folder, folder / ".git"):
            for lock in (place / "refs" / "heads" / f"{branch}.lock", place / "packed-refs.lock", place / "HEAD.lock"):
                with suppress(OSError):
                    age = time.time() - lock.stat().st_mtime
                    if age > LEFT_SECONDS:
                        return f"{lock} is {age:.0f} s old: a push that was killed has left it; remove it"
        return None

    def _path(self, key: str) -> Path:
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root):
            raise StoreError(
                f"key {key!r} leads out of the store {self.root}, by its name or by a link; take that away"
            )
        return path

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        """Turn the system's errors into one line that names the object."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise StoreError(f"{self.uri(key)}: there is no such object") from error
        except OSError as error:
            raise self._refused(key, error) from error

    @contextmanager
    def _writing(self, key: str) -> Iterator[None]:
        """Do the same where an object is made: there needn't be any."""
        try:
            yield
        except OSError as error:
            raise self._refused(key, error) from error

    def _refused(self, key: str, error: OSError) -> StoreError:
        return StoreError(f"{self.uri(key)}: {error.strerror}; check the folder {self.root} and its disk")


def _folder(address: Address) -> Path:
    path = address.path
    if path is None:
        raise StoreError(f"{address}: expected a folder")
    return path.expanduser()


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
