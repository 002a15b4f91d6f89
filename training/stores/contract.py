"""What a store is: objects under keys, and what git and DVC need of a place of its kind."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol, Self

from molino.contracts.address import Address
from molino.contracts.errors import StoreError
from molino.contracts.record import Artifact
from molino.contracts.settings import Settings

PROBE_KEY = "doctor/probe"


class Listed(NamedTuple):
    """An object as a listing tells it, without a look into it."""

    key: str
    bytes: int
    mark: str
    """Another one after each write; empty where the store can't tell."""


class Store(Protocol):
    """Objects under keys such as `runs/housing/r1/ingest.json`. A write is whole or not at all.

    The store of the scheme `<scheme>://` is the class below this one in `training/stores/<scheme>.py`. What it needn't
    do has a default here: that of a place which is no source, and for which git and DVC need nothing.
    """

    scheme: ClassVar[str]
    """What its addresses begin with."""
    settings_named: ClassVar[str] = ""
    """The settings that lead to it beside its address, as advice names them."""
    git_pauses: ClassVar[tuple[float, ...]] = ()
    """Seconds to wait before git reads again what others may have changed while it read."""
    git_locks_stay: ClassVar[bool] = True
    """Whether a lock that a killed push has left stays until somebody removes it."""
    git_too_late: ClassVar[tuple[str, ...]] = ()
    """What git says when another push was quicker, beside its own words."""

    @classmethod
    def open(cls, address: Address, settings: Settings) -> Self:
        """Return the store at an address; nothing is asked yet."""

    def read(self, key: str) -> bytes:
        """Return an object's bytes; StoreError when there is none."""

    def write(self, key: str, data: bytes) -> Artifact:
        """Put bytes under a key, over what was there."""

    def download(self, key: str, path: Path) -> None:
        """Copy an object to a file, made whole or not at all; StoreError when there is none."""

    def upload(self, path: Path, key: str, rows: int | None = None) -> Artifact:
        """Copy a file under a key, over what was there, and return its reference."""

    def take(self, path: Path, key: str, sha256: str, rows: int) -> Artifact:  # noqa: ARG002  # a default
        """Do as `upload` with a file that nobody needs any more, and whose SHA-256 is known."""
        return self.upload(path, key, rows)

    def exists(self, key: str) -> bool:
        """Tell whether a key holds an object."""

    def size(self, key: str) -> int:
        """Return an object's size in bytes; StoreError when there is none."""

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix, in order."""

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names right below a prefix that ends with a slash, and that keys go on below, in order.

        A store that needn't list all that is below for it does so.
        """
        keys = (key.removeprefix(prefix) for key in self.list(prefix))
        yield from sorted({key.partition("/")[0] for key in keys if "/" in key})

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects below a prefix, in the order of their keys, with what tells one that was written again."""
        yield from (Listed(key, self.size(key), "") for key in self.list(prefix))

    def written(self, prefix: str) -> dict[str, datetime]:
        """Return when each object below a prefix was written.

        A store that can't tell says now: what is in it is never old enough to be cleaned up.
        """
        return dict.fromkeys(self.list(prefix), datetime.now(UTC))

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""

    def tidy(self, prefix: str) -> None:
        """Remove what else is left of a prefix that ends with a slash once all objects below it are deleted."""

    def uri(self, key: str) -> str:
        """Return the address for people and tools."""

    def probe(self) -> bool:
        """Write an object, read it back and take it away; tell whether it was what was written."""
        self.write(PROBE_KEY, b"molino")
        well = self.read(PROBE_KEY) == b"molino"
        self.delete(PROBE_KEY)
        return well

    @classmethod
    def locate(cls, address: Address, settings: Settings) -> tuple[Self, str]:
        """Return the store and the key of one object, such as a model file's source.

        Raises:
            StoreError: the address names no object.
        """
        folder, _, name = address.secret.rpartition("/")
        if not name or folder.endswith("/"):
            raise StoreError(f"{address}: expected {cls.scheme}://…/… down to the name of an object")
        return cls.open(Address(folder), settings), name

    @classmethod
    def dvc_remote(cls, address: Address, settings: Settings) -> dict[str, str]:  # noqa: ARG003  # a default
        """Return the section of DVC's configuration that leads to the address, which all who clone can read."""
        return {"url": str(address)}

    @classmethod
    def dvc_credentials(cls, address: Address, settings: Settings) -> dict[str, str]:  # noqa: ARG003  # a default
        """Return what DVC needs beside it, and what is never written to a file."""
        return {}

    @classmethod
    def refuse_unreachable(cls, address: Address, settings: Settings) -> None:
        """Make sure, in seconds, that the place answers, before a tool is asked that is slow to give up.

        Raises:
            StoreError: it doesn't.
        """

    @classmethod
    def server(cls, settings: Settings) -> str | None:  # noqa: ARG003  # a default
        """Return the URL of the HTTP server that places of this kind are reached by; none where there is none."""
        return None

    @classmethod
    def git_environment(cls, address: Address, settings: Settings, scratch: Path) -> dict[str, str]:  # noqa: ARG003
        """Return the variables by which git reaches a repository there; its temporary files go to `scratch`."""
        return {}

    @classmethod
    def mend_git(cls, address: Address, branch: str, settings: Settings) -> None:
        """Mend what a push that was killed has left, before git reads.

        Raises:
            StoreError: the place can't be reached.
        """

    @classmethod
    def left_git_lock(cls, address: Address, branch: str, settings: Settings) -> str | None:  # noqa: ARG003
        """Return what tells of a lock that keeps pushes off, and how to take it away; none where there is none."""
        return None
