"""`molino backup create`: databases first, then what they refer to, then the manifest; then what is too old goes."""

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from molino.backup.databases import dump_all
from molino.backup.manifest import BUNDLE, DATABASES, Held, Manifest
from molino.backup.opening import open_vault
from molino.backup.places import BUNDLE_FILE, Place, bundle, places, repository_elsewhere
from molino.backup.settings import BackupSettings
from molino.backup.vault import ID_TIME, Vault, made_at
from molino.contracts.errors import BackupError, MolinoError, StoreError
from molino.contracts.settings import Settings
from training.deploy.target import open_target
from training.stores.contract import Listed
from training.stores.opening import open_store, sha256_of

WORKERS = 4
"""Objects that are copied at once."""


@dataclass(frozen=True)
class Thinning:
    """Which sets stay by age: all young ones, then the last of each day, then the last of each week, all in UTC."""

    whole: timedelta
    """All sets stay that are younger."""
    days: int
    weeks: int

    def kept(self, ids: Sequence[str], at: datetime) -> set[str]:
        """Return which of the sets, the newest first, stay."""
        found, days, weeks = set(), set(), set()
        for set_id in ids:
            if (made := made_at(set_id)) is None:
                continue
            day, week = made.date(), made.isocalendar()[:2]
            age = (at.date() - day).days
            last_of_day = day not in days and age <= self.days
            last_of_week = week not in weeks and age <= 7 * self.weeks
            if at - made < self.whole or last_of_day or last_of_week:
                found.add(set_id)
            days.add(day)
            weeks.add(week)
        return found


@dataclass(frozen=True)
class Retention:
    """Which sets stay: the newest ones of a number that are younger than an age; the newest of all always does."""

    keep: int | None = None
    max_age: timedelta | None = None
    thinning: Thinning | None = None

    def gone(self, ids: Sequence[str], at: datetime) -> list[str]:
        """Return which of the sets, the newest first, are to be removed; none that somebody has given another name."""
        ids = [set_id for set_id in ids if made_at(set_id)]
        kept = self.thinning.kept(ids, at) if self.thinning else set(ids)
        numbers = {set_id: number for number, set_id in enumerate(one for one in ids if one in kept)}
        return [one for one in ids[1:] if one not in numbers or self._is_gone(numbers[one], one, at)]

    def _is_gone(self, number: int, set_id: str, at: datetime) -> bool:
        if self.keep is not None and number >= self.keep:
            return True
        made = made_at(set_id)
        return self.max_age is not None and made is not None and at - made > self.max_age


@dataclass(frozen=True)
class Created:
    """A set that was made."""

    manifest: Manifest
    new_files: int
    """How many of its files no earlier set had."""
    new_bytes: int
    removed: tuple[str, ...]
    """The sets that were too many or too old."""
    not_swept: str | None = None
    """Why what no set needs is still there: another set is damaged, so that what it needs isn't known."""


def create(settings: Settings, backup: BackupSettings, retention: Retention | None = None) -> Created:
    """Make a set, whole or not at all, and remove those that are not to be kept.

    Raises:
        BackupError: there is nothing to back up, a database or the data repository can't be read, or the set's bytes
            went away while it was made.
        StoreError: a store can't be reached.
    """
    retention = retention or Retention()
    with open_vault(settings, backup) as vault:
        try:
            made = _Making(settings, backup, vault).make()
        except BaseException:
            with suppress(MolinoError):  # what it left is removed by the next one too
                vault.sweep()
            raise
        gone = retention.gone(vault.ids(), made.manifest.created)
        removed = [set_id for set_id in gone if set_id != made.manifest.id]  # another one may be newer already
        for set_id in removed:
            vault.remove(set_id)
        left = _swept(vault)
        return Created(made.manifest, made.new_files, made.new_bytes, tuple(removed), left)


def is_unicode(key: str) -> bool:
    """Tell whether a name can be written as UTF-8: those of files are any bytes."""
    return key.encode(errors="replace").decode() == key


def new_id(created: datetime, before: Sequence[str]) -> str:
    """Return an id for a set, which comes after those of all that were made before.

    Args:
        created: when it is made.
        before: ids of those, the newest first. Where a clock was ahead when the newest was made, this one is told to
            be of the second after it: else an older set would pass for the newest.
    """
    set_id = f"{created:{ID_TIME}}-{created.microsecond:05x}{secrets.token_hex(1)[0]}"
    newest = made_at(before[0]) if before else None
    return set_id if newest is None or set_id > before[0] else new_id(newest + timedelta(seconds=1), before)


def _swept(vault: Vault) -> str | None:
    """Remove what no set needs, and say why that can't be done where a manifest is damaged."""
    try:
        vault.sweep()
    except BackupError as error:
        return str(error)
    return None


class _Making:
    """One set, while it is being made."""

    def __init__(self, settings: Settings, backup: BackupSettings, vault: Vault) -> None:
        self.settings, self.backup, self.vault = settings, backup, vault
        self.created = datetime.now(UTC)
        self.id = new_id(self.created, vault.ids())

    def make(self) -> Created:
        found = places(self.settings, self.backup)
        self._refuse_inside(found)
        self._refuse_absent()
        with self.vault.making(self.id):
            before = self.vault.blobs()
            self.there = set(before)
            self.known = self._last()
            held = [*self._databases(), *self._places(found), *self._repository()]
            if not held:
                raise BackupError(f"there is nothing to back up in {self.settings.root}; check MOLINO_HOME")
            self._refuse_gone(held)
            elsewhere = repository_elsewhere(self.settings)
            manifest = Manifest.of(
                self.id,
                tuple(held),
                created=self.created,
                key_id=self.vault.key_id,
                pointers=self.pointers,
                artifacts=str(self.settings.artifacts_uri) if self.settings.artifacts_uri else None,
                left_out=(f"the data repository {elsewhere}, which its own server keeps",) if elsewhere else (),
            )
            self.vault.write(manifest)
        new = {one.blob_key: one.bytes for one in held if one.blob_key not in before}
        return Created(manifest, len(new), sum(new.values()), ())

    def _last(self) -> dict[tuple[str, str, int, str], Held]:
        """Return what the newest set has read, by how its listing told of it; nothing of a damaged or another key's."""
        for set_id in self.vault.ids()[:1]:
            try:
                manifest = self.vault.read(set_id)
            except BackupError:
                return {}
            if manifest.key_id == self.vault.key_id:
                return {(one.place, one.key, one.bytes, one.mark): one for one in manifest.files if one.mark}
        return {}

    def _databases(self) -> Iterator[Held]:
        with tempfile.TemporaryDirectory(dir=self.vault.scratch) as folder:
            for name, path in dump_all(self.settings, self.backup, Path(folder)):
                yield self._put(DATABASES, name, path)

    def _repository(self) -> Iterator[Held]:
        path = self.vault.scratch / BUNDLE_FILE
        if bundle(self.settings, path):
            yield self._put(BUNDLE, BUNDLE_FILE, path)

    def _places(self, found: list[Place]) -> Iterator[Held]:
        """Yield all objects; which version of each model serves is asked first, as its release is in the store."""
        self.pointers = self._pointers()
        with ThreadPoolExecutor(WORKERS) as pool:
            for place in found:
                for held in pool.map(lambda one, place=place: self._copy(place, one), list(place.listed())):
                    if held:
                        yield held

    def _pointers(self) -> dict[str, str]:
        store = open_store(self.settings)
        models = list(store.folders("releases/"))
        target = open_target(self.settings, store) if models else None
        found = {model: target.current(model) for model in models} if target else {}
        return {model: version for model, version in found.items() if version is not None}

    def _copy(self, place: Place, listed: Listed) -> Held | None:
        """Return an object as a file of the set; none where it went away since it was listed."""
        last = self.known.get((place.name, listed.key, listed.bytes, listed.mark))
        if last and last.blob_key in self.there:
            return last
        with tempfile.TemporaryDirectory(dir=self.vault.scratch) as folder:
            path = Path(folder) / "object"
            try:
                place.store.download(listed.key, path)
            except StoreError:
                if place.store.exists(listed.key):
                    raise
                return None
            return self._put(place.name, listed.key, path, listed.mark)

    def _put(self, place: str, key: str, path: Path, mark: str = "") -> Held:
        """Put a file's bytes where they aren't yet; the file is gone after that."""
        if not is_unicode(key):
            raise BackupError(f"{place}: the name of {key!r} isn't UTF-8, and no manifest can hold it; rename it")
        sha256 = sha256_of(path)
        blob = self.vault.name(sha256)
        held = Held(place=place, key=key, sha256=sha256, bytes=path.stat().st_size, blob=blob, mark=mark)
        if held.blob_key not in self.there:
            self.vault.put(path, held)
            self.there.add(held.blob_key)
        path.unlink(missing_ok=True)
        return held

    def _refuse_inside(self, found: list[Place]) -> None:
        """Make sure that sets don't hold sets: the store of backups is no part of what is backed up."""
        where = f"{self.vault.store.uri('').rstrip('/')}/"
        elsewhere = self.backup.reaching(self.settings).s3_endpoint != self.settings.s3_endpoint
        for place in found:
            of_place = place.store.uri("").rstrip("/")
            if where.startswith(f"{of_place}/") and not place.only and not elsewhere:
                raise BackupError(f"MOLINO_BACKUP_STORE: {where} is in {of_place}, which is backed up itself")

    def _refuse_absent(self) -> None:
        """Make sure that what the settings of backups name is there: a wrong path would be a set without it."""
        for name, address in self.backup.places.items():
            if address.path is not None and not address.path.expanduser().is_dir():
                raise BackupError(f"MOLINO_BACKUP_PLACES: {name}: there is no folder {address}; correct its path")

    def _refuse_gone(self, held: list[Held]) -> None:
        """Make sure that no other process has removed what this set was to share with another."""
        there = self.vault.blobs()
        gone = [one.name for one in held if one.blob_key not in there]
        if gone:
            raise BackupError(f"{gone[0]}: its bytes went away while the set was made; make it again")
