"""What a backup works with: the settings, the store of sets, and a folder for temporary files."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from molino.backup.cipher import Cipher
from molino.backup.settings import BackupSettings, key_bytes
from molino.backup.signer import Signer
from molino.backup.vault import Vault
from molino.contracts.address import Address
from molino.contracts.errors import BackupError
from molino.contracts.settings import Settings
from training.stores.opening import open_at


@contextmanager
def open_vault(settings: Settings, backup: BackupSettings, part: str = "") -> Iterator[Vault]:
    """Give the store of sets, with a folder for temporary files, as long as the context lasts.

    Args:
        settings: lead to where steps work.
        backup: leads to the store.
        part: folder in the store for sets of another kind.

    Raises:
        StoreError: no store has the address's scheme.
        BackupError: there is a key, and nothing to encrypt with; or the system refuses what is done meanwhile.
    """
    try:
        with _open(settings, backup, part) as vault:
            yield vault
    except OSError as error:
        place = error.filename2 or error.filename or settings.work or tempfile.gettempdir()
        raise BackupError(f"{place}: {error.strerror or error}; check it and its disk") from error


@contextmanager
def _open(settings: Settings, backup: BackupSettings, part: str) -> Iterator[Vault]:
    folder = settings.work
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    cipher = Cipher(key_bytes(backup.key)) if backup.key else None
    key = backup.key or backup.mac_key
    signer = Signer(key_bytes(key)) if key else None
    with tempfile.TemporaryDirectory(prefix="molino-backup-", dir=folder) as scratch:
        address = backup.address(settings)
        store = open_at(Address(f"{address.secret.rstrip('/')}/{part}") if part else address, backup.reaching(settings))
        yield Vault(store, cipher, Path(scratch), signer)
