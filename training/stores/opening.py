"""Finds the store of an address by its scheme, and brings what a record names."""

import hashlib
from pathlib import Path

import training.stores
from molino.contracts.address import Address
from molino.contracts.errors import StoreError
from molino.contracts.record import Artifact
from molino.contracts.settings import Settings
from molino.contracts.variants import class_in, modules_in
from training.stores.contract import Store

LOCAL = "file"
"""The scheme of an address that has none."""


def kind_of(address: Address) -> type[Store] | None:
    """Return the kind of store that an address is of: the class of `training/stores/<scheme>.py`; none without one."""
    return _kind_named(address.scheme or LOCAL)


def _kind_named(scheme: str) -> type[Store] | None:
    return class_in(training.stores.__name__, scheme, Store)


def store_schemes() -> tuple[str, ...]:
    """Return the schemes of all kinds of store, in order."""
    return tuple(name for name in modules_in(training.stores.__name__) if _kind_named(name))


def open_at(address: Address, settings: Settings) -> Store:
    """Return the store at an address.

    Raises:
        StoreError: no store has its scheme.
    """
    kind = kind_of(address)
    if kind is None:
        known = ", ".join(f"{name}://" for name in store_schemes())
        raise StoreError(f"{address}: {address.scheme}:// isn't known; use a folder, or one of {known}")
    return kind.open(address, settings)


def open_store(settings: Settings) -> Store:
    """Return the store that the settings name."""
    return open_at(settings.store_uri, settings)


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
