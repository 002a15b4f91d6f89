"""What a set holds beside databases: the folders and buckets that the settings lead to, in the order of a backup.

What refers to others comes first: what is written while a set is made may be in it without anything that names it, but
nothing in it names what isn't.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from molino.backup.manifest import BUNDLE, DATABASES
from molino.backup.settings import BackupSettings
from molino.contracts.address import Address
from molino.contracts.errors import BackupError
from molino.contracts.settings import Settings
from training.data_repository.git import KNOWN_HOSTS, folder_of, outside_a_hook
from training.stores.contract import Listed, Store
from training.stores.opening import kind_of, open_at

BUNDLE_FILE = "data.bundle"


@dataclass(frozen=True)
class Place:
    """A folder or a part of a bucket, each object of which is a file of a set."""

    name: str
    store: Store
    further: bool = False
    """What the settings of backups alone name; it may hold something where a set is restored."""
    only: str = ""
    """The one key that is meant, where it isn't all."""

    def listed(self) -> Iterator[Listed]:
        """Yield what it holds."""
        if not self.only:
            yield from self.store.listed("")
        elif self.store.exists(self.only):
            yield Listed(self.only, self.store.size(self.only), "")


def places(settings: Settings, backup: BackupSettings) -> list[Place]:
    """Return all places, those that refer to others first.

    Raises:
        StoreError: an address leads to no store.
        BackupError: two places have one name.
    """
    found = [
        Place("serving", open_at(Address(str(settings.serving_folder.absolute())), settings)),
        Place("store", open_at(settings.store_uri, settings)),
        Place("tensorboard", open_at(Address(str(settings.logs_folder)), settings)),
    ]
    if folder_of(settings.git_remote_uri) is None and not repository_elsewhere(settings):
        found.append(Place("git", open_at(settings.git_remote_uri, settings)))
    found.append(Place("dvc", open_at(settings.dvc_remote_uri, settings)))
    if settings.artifacts_uri:
        found.append(Place("artifacts", open_at(settings.artifacts_uri, settings)))
    found.append(Place("home", open_at(Address(str(settings.root)), settings), only=KNOWN_HOSTS))
    taken = {"", DATABASES, BUNDLE, *(place.name for place in found)}
    for name, address in backup.places.items():
        if name in taken or "/" in name:
            raise BackupError(
                f"MOLINO_BACKUP_PLACES: {name!r} is no name, or that of a place that every set has; take another"
            )
        found.append(Place(name, open_at(address, settings), further=True))
    return found


def repository_elsewhere(settings: Settings) -> Address | None:
    """Return the data repository where it is on a server of its own, which keeps it; none where a set has it."""
    remote = settings.git_remote_uri
    kept = folder_of(remote) is not None or (remote.scheme and kind_of(remote))
    return None if kept else remote


def bundle(settings: Settings, path: Path) -> bool:
    """Write all that the data repository has as one file, where it is a folder; false where there is nothing.

    Raises:
        BackupError: git failed.
    """
    folder = folder_of(settings.git_remote_uri)
    if folder is None or not folder.is_dir() or not _git(folder, "for-each-ref", "--count=1"):
        return False
    _git(folder, "bundle", "create", "--quiet", str(path), "--all")
    return True


def unbundle(settings: Settings, path: Path) -> Path | None:
    """Make the data repository of such a file, where it is a folder; return which.

    Raises:
        BackupError: git failed.
    """
    folder = folder_of(settings.git_remote_uri)
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    if not repository_is_there(settings):
        _git(folder, "init", "--quiet", "--bare", f"--initial-branch={settings.git_branch}", ".")
    _git(folder, "fetch", "--quiet", "--update-head-ok", str(path), "+refs/*:refs/*")
    return folder


def repository_is_there(settings: Settings) -> bool:
    """Tell whether the data repository is a folder that git has made one."""
    folder = folder_of(settings.git_remote_uri)
    return folder is not None and ((folder / "HEAD").is_file() or (folder / ".git").exists())


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-c", "pack.threads=1", *arguments]
    try:
        done = subprocess.run(command, cwd=folder, env=outside_a_hook(), capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise BackupError("git is not found: install it (on Debian and Ubuntu: apt-get install git)") from error
    if done.returncode:
        cause = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise BackupError(f"git {arguments[0]} of the data repository {folder}: {cause}; check the folder and its disk")
    return done.stdout.strip()
