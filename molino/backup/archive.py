"""A Postgres' archive: base backups and the segments of its log since, from which it comes back as of any moment.

It lies below `postgres/` in the store of backups: base backups as sets of their own, and `wal/<system>/<name>`, what a
Postgres of a system identifier archives, each file packed by gzip and encrypted where there is a key. How the two make
a database again is told in Postgres' manual, "Continuous Archiving and Point-in-Time Recovery"; names and numbers of
segments are those of 16 MiB, which `initdb` makes unless it is told otherwise.
"""

import gzip
import json
import re
import shutil
import tarfile
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from molino.backup.create import new_id
from molino.backup.manifest import Held, Manifest
from molino.backup.opening import open_vault
from molino.backup.settings import BackupSettings
from molino.backup.vault import Vault
from molino.contracts.errors import BackupError, MolinoError
from molino.contracts.settings import Settings
from training.stores.opening import sha256_of

PART, LOG, BASE = "postgres", "wal/", "base"
CLUSTER, BACKUP_MANIFEST, SYSTEM = "base.tar.gz", "backup_manifest", "system_identifier"
SEGMENT = re.compile(r"[0-9A-F]{24}")
ARCHIVED = re.compile(r"\d+[.](?:[0-9A-F]{24}(?:\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history)")
"""The names of what is handed over: which Postgres archives it, by its system identifier, and Postgres' own name."""
SEGMENT_BYTES = 2**24
SEGMENTS_PER_ID = 2**32 // SEGMENT_BYTES
PAUSE_SECONDS = 0.2
RETRY_SECONDS = 5.0


@dataclass(frozen=True)
class Base:
    """A base backup."""

    manifest: Manifest
    system: str
    """System identifier of the Postgres that it is of: `initdb` makes one for each."""
    start: int
    """Number of the first segment that it needs."""

    @property
    def id(self) -> str:
        """Its set's id, which begins with when it was made."""
        return self.manifest.id

    @property
    def made(self) -> datetime:
        """A moment at which the backup had ended: it leads to this one and any later one."""
        return self.manifest.created


class Archive:
    """The archive of one Postgres.

    Args:
        vault: where it lies.
    """

    def __init__(self, vault: Vault) -> None:
        self.vault, self.store = vault, vault.store

    def ship(
        self, folder: Path, stop: threading.Event, alive: Path | None = None
    ) -> Iterator[tuple[str, MolinoError | None]]:
        """Put whatever Postgres lays into a folder, and remove it there once it is safe, until told to stop.

        What can't be put stays, and is tried again.

        Args:
            folder: where Postgres lays them.
            stop: set when it is to end.
            alive: file that is touched each time the folder was looked at, for a probe.

        Yields:
            The name of each file, with why it couldn't be put; none where it was.
        """
        pause = 0.0
        while not stop.wait(pause):
            pause = PAUSE_SECONDS
            if alive:
                alive.touch()
            for path in sorted(one for one in folder.iterdir() if ARCHIVED.fullmatch(one.name)):
                try:
                    self.put(path)
                except MolinoError as error:
                    yield path.name, error
                    pause = RETRY_SECONDS
                    break
                path.unlink()
                yield path.name, None

    def put(self, path: Path) -> None:
        """Put one file of the log. Where it is there already, it must be the same.

        Raises:
            BackupError: it is there already, and another.
            StoreError: the store can't be reached.
        """
        system, _, name = path.name.partition(".")
        key = f"{LOG}{system}/{name}"
        if self.store.exists(key):
            with self._scratch() as folder:
                self._fetch(key, folder / "there")
                if sha256_of(folder / "there") == sha256_of(path):
                    return
            raise BackupError(
                f"{self.store.uri(key)} is there already, and another: a copy of this Postgres is archived to the same "
                "place; give one of them another MOLINO_BACKUP_STORE"
            )
        with self._scratch() as folder:
            packed, hidden = folder / "packed", folder / "hidden"
            with path.open("rb") as read, gzip.GzipFile(packed, "wb", compresslevel=1, mtime=0) as written:
                shutil.copyfileobj(read, written)
            if self.vault.cipher:
                self.vault.cipher.encrypt(packed, hidden)
            self.store.upload(hidden if self.vault.cipher else packed, key)

    def put_base(self, folder: Path) -> Base:
        """Put a base backup as `pg_basebackup --format tar --gzip --wal-method none` writes it, and remove it there.

        Args:
            folder: holds it, and a file `system_identifier` with that of its Postgres.

        Raises:
            BackupError: it isn't whole, or of a cluster with tablespaces of its own.
        """
        wanted = {CLUSTER, BACKUP_MANIFEST, SYSTEM}
        found = {one.name for one in folder.iterdir()}
        if found != wanted:
            raise BackupError(f"{folder}: expected {', '.join(sorted(wanted))}; found {', '.join(sorted(found))}")
        now = datetime.now(UTC)
        set_id = new_id(now, self.vault.ids())
        with self.vault.making(set_id):
            held = tuple(self._held(folder / name) for name in sorted(wanted))
            manifest = Manifest.of(set_id, held, created=now, key_id=self.vault.key_id)
            self.vault.write(manifest)
        return self._base(manifest)

    def bases(self) -> list[Base]:
        """Return all base backups, the newest first.

        Raises:
            BackupError: one is damaged.
        """
        return [self._base(self.vault.read(set_id)) for set_id in self.vault.ids()]

    def log(self, system: str) -> list[str]:
        """Return the names of all that a Postgres has archived."""
        folder = f"{LOG}{system}/"
        return sorted(key.removeprefix(folder) for key in self.store.list(folder))

    def thin(self, keep: int) -> list[str]:
        """Remove all but the newest base backups of a number, and the log that those don't need; return its names.

        The log of a Postgres that never had a base backup stays: its first may be in the making.
        """
        bases = self.bases()
        for base in bases[keep:]:
            self.vault.remove(base.id)
        self.vault.sweep()
        gone = []
        for system in dict.fromkeys(base.system for base in bases):
            starts = [base.start for base in bases[:keep] if base.system == system]
            names = self.log(system)
            useless = [one for one in names if not starts or (SEGMENT.match(one) and number_of(one) < min(starts))]
            gone += [f"{system}/{name}" for name in useless]
        for name in gone:
            self.store.delete(f"{LOG}{name}")
        return gone

    def fetch(self, until: datetime | None, cluster: Path, log: Path) -> Base:
        """Write the newest base backup before a moment, and all of the log since.

        Args:
            until: the moment; none is as late as the archive goes.
            cluster: where the cluster's folder is made; it is there once all else is.
            log: folder for the log, for `restore_command` to take it from.

        Raises:
            BackupError: no base backup is that old, something is damaged, or a segment is missing.
        """
        base = self._before(until)
        names = [one for one in self.log(base.system) if not SEGMENT.match(one) or number_of(one) >= base.start]
        self._refuse_gaps(base, names)
        log.mkdir(parents=True, exist_ok=True)
        for name in names:
            self._fetch(f"{LOG}{base.system}/{name}", log / name)
        part = cluster.with_name(f"{cluster.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        with self._scratch() as folder:
            held = next(one for one in base.manifest.files if one.key == CLUSTER)
            self.vault.fetch(held, folder / CLUSTER)
            with tarfile.open(folder / CLUSTER) as packed:
                # Pythons before 3.11.4 have none; what is unpacked is, byte by byte, what the manifest says.
                packed.extraction_filter = getattr(tarfile, "tar_filter", None)
                for member in packed:
                    packed.extract(member, part)
        part.replace(cluster)
        return base

    def _before(self, until: datetime | None) -> Base:
        bases = self.bases()
        if not bases:
            raise BackupError(f"there is no base backup in {self.store.uri('')}; pg_basebackup makes the first one")
        found = next((base for base in bases if until is None or base.made <= until), None)
        if found is None:
            oldest = f"{bases[-1].id} of {bases[-1].made:%Y-%m-%d %H:%M:%S} UTC"
            raise BackupError(f"there is no base backup before {until}: the oldest is {oldest}; choose a later moment")
        return found

    def _refuse_gaps(self, base: Base, names: Sequence[str]) -> None:
        """Make sure that Postgres finds all of the log: where a segment lacks, it would end there without a word."""
        numbers = {number_of(name) for name in names if SEGMENT.fullmatch(name.removesuffix(".partial"))}
        missing = sorted(set(range(base.start, max(numbers, default=base.start) + 1)) - numbers)
        if missing:
            raise BackupError(
                f"{len(missing)} segments of the log are missing in {self.store.uri(LOG + base.system)}, the first is "
                f"{segment_name(missing[0])} of any timeline; only what is after a later base backup comes back"
            )

    def _held(self, path: Path) -> Held:
        sha256 = sha256_of(path)
        held = Held(place=BASE, key=path.name, sha256=sha256, bytes=path.stat().st_size, blob=self.vault.name(sha256))
        self.vault.put(path, held)
        return held

    def _base(self, manifest: Manifest) -> Base:
        held = {one.key: one for one in manifest.files}
        with self._scratch() as folder:
            for name in (BACKUP_MANIFEST, SYSTEM):
                self.vault.fetch(held[name], folder / name)
            start = _first_segment((folder / BACKUP_MANIFEST).read_bytes())
            return Base(manifest, (folder / SYSTEM).read_text().strip(), start)

    def _fetch(self, key: str, path: Path) -> None:
        with self._scratch() as folder:
            packed, hidden = folder / "packed", folder / "hidden"
            self.store.download(key, hidden if self.vault.cipher else packed)
            try:
                if self.vault.cipher:
                    self.vault.cipher.decrypt(hidden, packed)
                with gzip.open(packed) as read, path.open("wb") as written:
                    shutil.copyfileobj(read, written)
            except (BackupError, OSError, EOFError, zlib.error) as error:
                path.unlink(missing_ok=True)
                raise BackupError(f"{self.store.uri(key)}: {error}") from error

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with TemporaryDirectory(dir=self.vault.scratch) as folder:
            yield Path(folder)


@contextmanager
def open_archive(settings: Settings, backup: BackupSettings) -> Iterator[Archive]:
    """Give the archive in the store of backups as long as the context lasts.

    Raises:
        StoreError: no store has the address's scheme.
        BackupError: there is a key, and nothing to encrypt with.
    """
    with open_vault(settings, backup, PART) as vault:
        yield Archive(vault)


def number_of(name: str) -> int:
    """Return the number of a segment, which is the same on each timeline, by its file's name."""
    return int(name[8:16], 16) * SEGMENTS_PER_ID + int(name[16:24], 16)


def segment_name(number: int) -> str:
    """Return the last 16 characters of a segment's name, which is all but its timeline."""
    return f"{number // SEGMENTS_PER_ID:08X}{number % SEGMENTS_PER_ID:08X}"


def _first_segment(backup_manifest: bytes) -> int:
    """Return the number of the first segment that a base backup needs, by Postgres' own manifest of it."""
    try:
        ranges = json.loads(backup_manifest)["WAL-Ranges"]
        high, low = min(ranges, key=lambda one: one["Timeline"])["Start-LSN"].split("/")
        return (int(high, 16) * 2**32 + int(low, 16)) // SEGMENT_BYTES
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{BACKUP_MANIFEST}: {error!r}; expected a base backup of Postgres 13 or later") from error
