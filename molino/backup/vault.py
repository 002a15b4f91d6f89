"""Where sets are kept: manifests by id, and the bytes of all sets once each, by what they are.

`sets/<id>/manifest.json` is a set, with its SHA-256 and, where there is a key, its HMAC beside it. `blobs/<xx>/<name>`
are bytes, named by their SHA-256, or by a keyed hash of it where they are encrypted; sets share them. `begun/<id>` is
there while a set is being made.
"""

import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from molino.backup.cipher import Cipher
from molino.backup.manifest import BLOBS, Held, Manifest
from molino.backup.signer import Signer
from molino.contracts.errors import BackupError, StoreError
from molino.contracts.identifiers import is_run_id
from molino.contracts.reading import read_json
from training.stores.beats import LEFT_SECONDS, beating
from training.stores.contract import Store
from training.stores.opening import sha256_of

SETS, BEGUN = "sets/", "begun/"
MANIFEST, SUM, MAC = "manifest.json", "manifest.json.sha256", "manifest.json.hmac"
PIECE = 200
"""Objects that a sweep removes between two looks at sets and marks."""


class Vault:
    """The sets of one store.

    Args:
        store: where they are kept.
        cipher: what new sets are encrypted with, and what encrypted ones are read by; none without a key.
        scratch: folder for temporary files.
        signer: what manifests are authenticated by; none without a key.
    """

    def __init__(self, store: Store, cipher: Cipher | None, scratch: Path, signer: Signer | None = None) -> None:
        self.store, self.cipher, self.scratch, self.signer = store, cipher, scratch, signer

    @property
    def key_id(self) -> str | None:
        """The name of the key; none without one."""
        return self.cipher.key_id if self.cipher else None

    def ids(self) -> list[str]:
        """Return the ids of all sets, the newest first."""
        keys = (key.split("/") for key in self.store.list(SETS))
        return sorted((key[1] for key in keys if len(key) == 3 and key[2] == MANIFEST), reverse=True)

    def read(self, set_id: str, trusted: bool = False) -> Manifest:
        """Return a set's manifest.

        Args:
            set_id: which one.
            trusted: whether it must be authenticated, where there is a key; one of another key passes else.

        Raises:
            BackupError: there is no such set, or its manifest was altered or is of another version.
        """
        key = f"{SETS}{set_id}/{MANIFEST}"
        if not is_run_id(set_id) or not self.store.exists(key):
            raise BackupError(f"there is no set {set_id!r} in {self.store.uri(SETS)}; see `molino backup list`")
        data, path = self.store.read(key), self.scratch / MANIFEST
        told = self.store.read(f"{SETS}{set_id}/{SUM}").decode(errors="replace").partition(" ")[0]
        path.write_bytes(data)
        if sha256_of(path) != told:
            raise BackupError(f"{self.store.uri(key)}: its sha256 isn't what {SUM} says; the set is damaged")
        if self.signer:
            written = self.store.read(f"{SETS}{set_id}/{MAC}") if self.store.exists(f"{SETS}{set_id}/{MAC}") else b""
            if fault := self.signer.fault(data, written.decode(errors="replace"), trusted):
                raise BackupError(f"{self.store.uri(key)}: {fault}")
        manifest = read_json(Manifest, data)
        if isinstance(manifest, str):
            raise BackupError(f"{self.store.uri(key)}: {manifest}; it may be of a newer Molino")
        return manifest

    def write(self, manifest: Manifest) -> None:
        """Write a manifest, whose files are all there: from then on it is a set."""
        path = self.scratch / MANIFEST
        path.write_text(manifest.model_dump_json(indent=1))
        self.store.write(f"{SETS}{manifest.id}/{SUM}", f"{sha256_of(path)}  {MANIFEST}\n".encode())
        if self.signer:
            self.store.write(f"{SETS}{manifest.id}/{MAC}", self.signer.sign(path.read_bytes()).encode())
        self.store.upload(path, f"{SETS}{manifest.id}/{MANIFEST}")

    def blobs(self) -> set[str]:
        """Return the keys of all bytes that are there."""
        return set(self.store.list(BLOBS))

    def name(self, sha256: str) -> str:
        """Return the name of bytes where it isn't their SHA-256."""
        return self.cipher.name(sha256) if self.cipher else ""

    def put(self, path: Path, held: Held) -> None:
        """Put the bytes of a file that is needed no more."""
        if self.cipher:
            with self._temporary() as hidden:
                self.cipher.encrypt(path, hidden)
                self.store.upload(hidden, held.blob_key)
        else:
            self.store.take(path, held.blob_key, held.sha256, 0)
        path.unlink(missing_ok=True)

    def fetch(self, held: Held, path: Path) -> None:
        """Write a file of a set, checked.

        Raises:
            BackupError: its bytes are missing or damaged; the message names file and object.
        """
        place = f"{held.name} ({self.store.uri(held.blob_key)})"
        try:
            self._bring(held, path)
        except BackupError as error:
            path.unlink(missing_ok=True)
            raise BackupError(f"{place}: {error}") from error
        except StoreError as error:
            if self.store.exists(held.blob_key):
                raise  # it is there, but the store doesn't answer
            raise BackupError(f"{place}: it is missing") from error
        found = sha256_of(path)
        if found != held.sha256:
            path.unlink()
            raise BackupError(f"{place}: sha256 is {found}, but the manifest says {held.sha256}")

    def _bring(self, held: Held, path: Path) -> None:
        if not held.blob:
            self.store.download(held.blob_key, path)
            return
        if self.cipher is None:
            raise BackupError("it is encrypted: set MOLINO_BACKUP_KEY to the set's key")
        with self._temporary() as hidden:
            self.store.download(held.blob_key, hidden)
            self.cipher.decrypt(hidden, path)

    def remove(self, set_id: str) -> None:
        """Remove a set: first its manifest, so that a part of it never passes for a set."""
        self.store.delete(f"{SETS}{set_id}/{MANIFEST}")
        self.store.delete(f"{SETS}{set_id}/{SUM}")
        self.store.delete(f"{SETS}{set_id}/{MAC}")

    @contextmanager
    def making(self, set_id: str) -> Iterator[None]:
        """Mark that a set is being made or restored, as long as the context lasts: nobody removes bytes meanwhile."""
        key = f"{BEGUN}{set_id}"
        mark = {"host": socket.gethostname(), "pid": os.getpid()}
        try:
            with beating(lambda: self.store.write(key, json.dumps({**mark, "at": time.time()}).encode())):
                yield
        finally:
            self.store.delete(key)

    def sweep(self) -> int:
        """Remove bytes that no set names, and what sets that were never finished have left; return how many.

        Nothing happens while a set is being made or restored, which may need them. What is there is listed before it is
        asked which sets there are, so that a set that is finished in between loses nothing. Sets and marks are asked
        for again right before each piece is removed; a set that begins during a piece looks at its end for what it was
        to share, and is made again where that is gone.

        Raises:
            BackupError: a manifest is damaged, so that what it names isn't known; nothing was removed.
        """
        there, listed = self.blobs(), list(self.store.list(SETS))
        if self._others():
            return 0
        sets = self.ids()
        named = {held.blob_key for set_id in sets for held in self.read(set_id).files}
        unnamed = sorted(there - named)
        wanted = [*unnamed, *(key for key in listed if key.split("/")[1] not in sets)]
        for begin in range(0, len(wanted), PIECE):
            if self._others() or self.ids() != sets:
                return min(begin, len(unnamed))
            for key in wanted[begin : begin + PIECE]:
                self.store.delete(key)
        return len(unnamed)

    def _others(self) -> list[str]:
        """Return the marks of sets in the making; those that were left are removed."""
        found = []
        for key in list(self.store.list(BEGUN)):
            try:
                mark = json.loads(self.store.read(key))
            except StoreError:
                continue  # it has just ended
            if _is_left(mark["host"], mark["pid"], mark["at"]):
                self.store.delete(key)
            else:
                found.append(key)
        return found

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        handle, name = tempfile.mkstemp(dir=self.scratch)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)


def _is_left(host: str, process: int, at: float) -> bool:
    """Tell whether a mark was left by one that was killed: on this host its process is asked."""
    if host == socket.gethostname() and not _runs(process):
        return True
    return time.time() - at > LEFT_SECONDS


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
