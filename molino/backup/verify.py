"""`molino backup verify`: all of a set is read, and compared with its manifest."""

from concurrent.futures import ThreadPoolExecutor

from molino.backup.create import WORKERS
from molino.backup.manifest import Held, Manifest, counted
from molino.backup.vault import Vault
from molino.contracts.errors import BackupError

NAMED = 5
"""How many damaged files a message names."""


def verify(vault: Vault, set_id: str) -> Manifest:
    """Read a set to its last byte.

    Returns:
        Its manifest, which holds for all of it.

    Raises:
        BackupError: something is missing or damaged; the message names the files.
        StoreError: the store can't be reached.
    """
    manifest = vault.read(set_id)
    if counted(manifest.files) != manifest.counts:
        raise BackupError(f"set {set_id}: its manifest counts other files than it names; the set is damaged")
    once = {held.blob_key: held for held in manifest.files}
    with ThreadPoolExecutor(WORKERS) as pool:
        faults = [fault for fault in pool.map(lambda held: _fault(vault, held), once.values()) if fault]
    if faults:
        more = f" (and {len(faults) - NAMED} more)" if len(faults) > NAMED else ""
        raise BackupError(
            f"set {set_id} is damaged: {'; '.join(faults[:NAMED])}{more}; take another set, and remove the "
            "objects named, so that the next backup writes them anew"
        )
    return manifest


def _fault(vault: Vault, held: Held) -> str | None:
    path = vault.scratch / f"verified-{held.blob_key.rpartition('/')[2]}"
    try:
        vault.fetch(held, path)
    except BackupError as error:
        return str(error)
    finally:
        path.unlink(missing_ok=True)
    return None
