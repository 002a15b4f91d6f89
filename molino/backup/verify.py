"""`molino backup verify`: all of a set is read, and compared with its manifest."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from molino.backup.create import WORKERS
from molino.backup.manifest import Held, Manifest, counted
from molino.backup.vault import Vault
from molino.contracts.errors import BackupError

NAMED = 5
"""How many damaged files a message names."""


def verify(vault: Vault, set_id: str, unsigned: bool = False) -> Manifest:
    """Read a set to its last byte.

    Args:
        vault: where it is.
        set_id: which one.
        unsigned: trust a manifest that has no HMAC, or that of another key.

    Returns:
        Its manifest, which holds for all of it.

    Raises:
        BackupError: something is missing or damaged; the message names the files.
        StoreError: the store can't be reached.
    """
    manifest = vault.read(set_id, trusted=not unsigned)
    if counted(manifest.files) != manifest.counts:
        raise BackupError(f"set {set_id}: its manifest counts other files than it names; the set is damaged")
    same: dict[str, list[Held]] = {}
    for held in manifest.files:
        same.setdefault(held.blob_key, []).append(held)
    with ThreadPoolExecutor(WORKERS) as pool:
        faults = [fault for fault in pool.map(lambda files: _fault(vault, files), same.values()) if fault]
    if faults:
        more = f" (and {len(faults) - NAMED} more)" if len(faults) > NAMED else ""
        raise BackupError(
            f"set {set_id} is damaged: {'; '.join(faults[:NAMED])}{more}; take another set, and remove the "
            "objects named, so that the next backup writes them anew"
        )
    return manifest


def _fault(vault: Vault, files: Sequence[Held]) -> str | None:
    """Return what is wrong with the bytes that some files share, if anything."""
    held, *others = files
    path = vault.scratch / f"verified-{held.blob_key.rpartition('/')[2]}"
    try:
        vault.fetch(held, path)
    except BackupError as error:
        shared = f"; so are {', '.join(other.name for other in others)}" if others else ""
        return f"{error}{shared}"
    finally:
        path.unlink(missing_ok=True)
    return None
