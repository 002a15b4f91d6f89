"""Where sets are kept: manifests by id, and the bytes of all sets once each, by what they are.

`sets/<id>/manifest.json` is a set, with its SHA-256 and, where there is a key, its HMAC beside it. `blobs/<xx>/<name>`
are bytes, named by their SHA-256, or by a keyed hash of it where they are encrypted; sets share them. `begun/<id>` is
there while a set is being made.
"""

import json
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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

SETS, BEGUN, CLOCK = "sets/", "begun/", "clock/"
MANIFEST, SUM, MAC = "manifest.json", "manifest.json.sha256", "manifest.json.hmac"
PIECE = 200
"""Objects that a sweep removes between two looks at sets and marks."""
ID_TIME = "%Y%m%d-%H%M%S"
"""How ids begin, in UTC: in their order sets were made."""


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
        """Return the ids of all sets, the newest first; after them those whose folders somebody has renamed."""
        keys = (key.split("/") for key in self.store.list(SETS))
        found = (key[1] for key in keys if len(key) == 3 and key[2] == MANIFEST)
        return sorted(found, key=lambda set_id: (made_at(set_id) is not None, set_id), reverse=True)

    def read(self, set_id: str, trusted: bool = False) -> Manifest:
        """Return a set's manifest.

        Args:
            set_id: which one.
            trusted: whether it must be authenticated, where there is a key; one of another key passes else.

        Raises:
            BackupError: there is no such set, or its manifest was altered, renamed or is of another version.
        """
        key = f"{SETS}{set_id}/{MANIFEST}"
        if not is_run_id(set_id) or not self.store.exists(key):
            raise BackupError(f"there is no set {set_id!r} in {self.store.uri(SETS)}; see `molino backup list`")
        data, path = self.store.read(key), self.scratch / MANIFEST
        path.write_bytes(data)
        if sha256_of(path) != self._beside(set_id, SUM).partition(" ")[0]:
            raise BackupError(
                f"{self.store.uri(key)}: its sha256 isn't what {SUM} says; the set is damaged: take another, and "
                "remove this one's folder"
            )
        if self.signer and (fault := self.signer.fault(data, self._beside(set_id, MAC), trusted)):
            raise BackupError(f"{self.store.uri(key)}: {fault}")
        manifest = read_json(Manifest, data)
        if isinstance(manifest, str):
            raise BackupError(
                f"{self.store.uri(key)}: {manifest}; it was altered, or a newer Molino has made it and reads it"
            )
        if manifest.id != set_id:
            raise BackupError(f"{self.store.uri(key)}: it is of the set {manifest.id}: give its folder that name again")
        return manifest

    def _beside(self, set_id: str, name: str) -> str:
        """Return what a file beside a manifest says; empty where there is none."""
        key = f"{SETS}{set_id}/{name}"
        return self.store.read(key).decode(errors="replace") if self.store.exists(key) else ""

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
        mark = json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode()
        try:
            with beating(lambda: self.store.write(key, mark)):
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
        marks = self.store.written(BEGUN)
        now = self._now() if marks else None
        for key, when in marks.items():
            try:
                mark = self.store.read(key)
            except StoreError:
                continue  # it has just ended
            if (now and now - when > timedelta(seconds=LEFT_SECONDS)) or _is_left(mark):
                self.store.delete(key)
            else:
                found.append(key)
        return found

    def _now(self) -> datetime | None:
        """Return what time it is by the store's own clock, by which its marks were written."""
        key = f"{CLOCK}{secrets.token_hex(4)}"
        self.store.write(key, b"")
        try:
            return self.store.written(key).get(key)
        finally:
            self.store.delete(key)

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        handle, name = tempfile.mkstemp(dir=self.scratch)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)


def made_at(set_id: str) -> datetime | None:
    """Return when a set was made, as its id tells; none where somebody has given it another name."""
    try:
        return datetime.strptime(set_id[:15], ID_TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _is_left(mark: bytes) -> bool:
    """Tell whether a mark is of a process of this host that was killed."""
    try:
        told = json.loads(mark)
        return bool(told["host"] == socket.gethostname() and not _runs(int(told["pid"])))
    except (ValueError, TypeError, KeyError, OverflowError):
        return False  # Molino hasn't written it; it goes with age.


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
