"""`molino backup restore`: a set is verified, then put where the settings lead, databases last."""

import secrets
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

from molino.backup.create import WORKERS
from molino.backup.databases import filled, restore_dump
from molino.backup.manifest import BUNDLE, DATABASES, Held, Manifest
from molino.backup.opening import open_vault
from molino.backup.places import Place, places, repository_is_there, unbundle
from molino.backup.settings import BackupSettings
from molino.backup.vault import Vault
from molino.backup.verify import verify
from molino.contracts.address import Address
from molino.contracts.errors import BackupError, StoreError
from molino.contracts.settings import Settings
from pipelines.stack import running_lock
from training.deploy.target import open_target
from training.stores.opening import open_store

NEWEST = "newest"


def restore(
    settings: Settings, backup: BackupSettings, set_id: str, over: bool, unsigned: bool = False
) -> Iterator[str]:
    """Restore a set, and yield what was done, a line each.

    Args:
        settings: lead to where it is restored.
        backup: leads to the sets.
        set_id: which one; `newest` is the newest.
        over: write over what is there. What the set doesn't hold stays.
        unsigned: trust a manifest that has no HMAC, or that of another key.

    Raises:
        BackupError: something is there already; the set is damaged; nothing was changed. Or Postgres or git refuse.
        RunError: `molino run` works there; nothing was changed.
        StoreError: a store can't be reached.
    """
    wanted = places(settings, backup)
    if not over:
        _refuse_filled(settings, backup, wanted)
    with open_vault(settings, backup) as vault, ExitStack() as marked:
        with suppress(StoreError):  # a store that can be read alone
            marked.enter_context(vault.making(f"restore-{secrets.token_hex(3)}"))
        manifest = verify(vault, chosen(vault, set_id), unsigned)
        yield f"set {manifest.id}: all {len(manifest.files)} files are what its manifest says"
        if settings.tracking_file is not None:
            marked.enter_context(running_lock(settings.root))  # a folder is made only for a set that is whole
        yield from _restore_objects(vault, manifest, wanted)
        yield from _restore_repository(settings, vault, manifest)
        yield from _restore_databases(settings, backup, vault, manifest)
    yield from _point(settings, manifest)


def chosen(vault: Vault, set_id: str) -> str:
    """Return the id of a set, where `newest` stands for that of the newest.

    Raises:
        BackupError: there is no set.
    """
    if set_id != NEWEST:
        return set_id
    ids = vault.ids()
    if not ids:
        raise BackupError(f"there is no set in {vault.store.uri('')}; make one by `molino backup create`")
    return ids[0]


def _refuse_filled(settings: Settings, backup: BackupSettings, wanted: list[Place]) -> None:
    taken = [place.store.uri("") for place in wanted if not place.further and next(iter(place.listed()), None)]
    taken += [str(settings.git_remote_uri)] if repository_is_there(settings) else []
    taken += list(filled(settings, backup))
    if taken:
        more = f", nor are {len(taken) - 1} other places" if len(taken) > 1 else ""
        raise BackupError(
            f"{taken[0]} isn't empty{more}: restore to an empty MOLINO_HOME or cluster, or say --over to write over "
            "what is there"
        )


def _restore_objects(vault: Vault, manifest: Manifest, wanted: list[Place]) -> Iterator[str]:
    by_name = {place.name: place for place in wanted}
    for name, count in manifest.counts.items():
        place = by_name.get(name)
        if place is None:
            if name not in (DATABASES, BUNDLE):
                yield f"left out: {name}, {count.files} files; MOLINO_BACKUP_PLACES says of no place for them"
            continue
        files = [held for held in manifest.files if held.place == name]
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(lambda held, place=place: _restore_object(vault, held, place), files))
        yield f"{name}: {count.files} files, {count.bytes} bytes in {place.store.uri('')}"


def _restore_object(vault: Vault, held: Held, place: Place) -> None:
    with tempfile.TemporaryDirectory(dir=vault.scratch) as folder:
        path = Path(folder) / "object"
        vault.fetch(held, path)
        place.store.take(path, held.key, held.sha256, 0)


def _restore_repository(settings: Settings, vault: Vault, manifest: Manifest) -> Iterator[str]:
    for held in (held for held in manifest.files if held.place == BUNDLE):
        path = vault.scratch / Path(held.key).name
        vault.fetch(held, path)
        folder = unbundle(settings, path)
        yield f"{BUNDLE}: {folder}" if folder else f"left out: {BUNDLE}; MOLINO_GIT_REMOTE is no folder"


def _restore_databases(settings: Settings, backup: BackupSettings, vault: Vault, manifest: Manifest) -> Iterator[str]:
    moved = _moved(manifest, settings.artifacts_uri)
    for held in (held for held in manifest.files if held.place == DATABASES):
        path = vault.scratch / Path(held.key).name
        vault.fetch(held, path)
        done = restore_dump(settings, backup, path, moved)
        path.unlink(missing_ok=True)
        yield done or f"left out: database {Path(held.key).stem}; no setting says where it is to be"


def _moved(manifest: Manifest, artifacts: Address | None) -> tuple[str, str] | None:
    """Return what MLflow's addresses of artifacts began with and are to begin with, where that differs."""
    if manifest.artifacts is None or artifacts is None or manifest.artifacts == str(artifacts):
        return None
    return _as_uri(Address(manifest.artifacts)), _as_uri(artifacts)


def _as_uri(address: Address) -> str:
    return address.path.as_uri() if address.path and address.path.is_absolute() else address.rstrip("/")


def _point(settings: Settings, manifest: Manifest) -> Iterator[str]:
    """Point the server to what was in service."""
    if manifest.pointers:
        target = open_target(settings, open_store(settings))
        for model, version in manifest.pointers.items():
            if target.current(model) != version:
                target.point(model, version)
            yield f"in service: {model} version {version}"
