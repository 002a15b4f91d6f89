"""The data repository: git for the versions, DVC for the bytes, each with a remote of its own.

One repository holds every model: `<model>/clean.parquet.dvc` names the rows by their hash, `<model>/quality.json` is
their quality report. From outside, `git clone` and `dvc pull` bring the rows of a revision. With `s3://` remotes both
want AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Git, which needs the program git-remote-s3, finds a store other than
AWS by AWS_ENDPOINT_URL_S3; DVC finds it in `.dvc/config`, or, where the store has another address from outside, by
`dvc remote modify --local storage endpointurl …`.
"""

import configparser
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from molino.contracts.errors import StoreError, VersionError
from molino.contracts.results import VersionResult
from molino.contracts.settings import Settings
from training.data_repository.git import Git, folder_of, readable_home
from training.stores.contract import Store
from training.stores.opening import kind_of

if TYPE_CHECKING:
    from dvc.repo import Repo

REMOTE = "storage"
REMOTE_SECTION = f"'remote \"{REMOTE}\"'"
JOBS = 2
"""Parts of 50 MiB that are on their way at once; DVC's own choice, ten and more, are all held in memory."""
IGNORED = "/config.local\n/tmp\n/cache\n"
"""`.dvc/.gitignore`: what DVC keeps for itself."""


class DataRepository:
    """A clone of the data repository in a folder of its own: neither git's nor DVC's locks are ever shared."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.git = Git(folder, settings)
        self.remote = settings.dvc_remote_uri
        self.kind: type[Store] | None = kind_of(self.remote)
        """The store that the DVC remote is kept in; none for a kind that DVC alone knows."""

    def md5(self, path: str) -> str | None:
        """Return DVC's hash of a versioned file as the work tree has it; none where it isn't versioned."""
        pointer = self.folder / f"{path}.dvc"
        if not pointer.is_file():
            return None
        try:
            return str(yaml.safe_load(pointer.read_text())["outs"][0]["md5"])
        except (yaml.YAMLError, KeyError, IndexError, TypeError) as error:
            raise VersionError(
                f"{path}.dvc in {self.git.remote} is no file of DVC: put back its last version"
            ) from error

    def last_change(self, path: str) -> str:
        """Return the commit that last changed a versioned file."""
        return self.git.run("log", "-1", "--format=%H", "--", f"{path}.dvc")

    def file_of(self, revision: str, path: str) -> bytes | None:
        """Return what a file of git held in a revision; none where it wasn't there."""
        if not self.git.run("ls-tree", "--name-only", revision, "--", path):
            return None
        return self.git.run("show", f"{revision}:{path}").encode()

    def configure(self) -> bool:
        """Set DVC up in the work tree, and lead it to the settings' remote; return false where it was so already."""
        path = self.folder / ".dvc" / "config"
        config = configparser.ConfigParser(interpolation=None)
        config.read(path)
        before = _as_dict(config)
        config.read_dict({
            "core": {"analytics": "false", "autostage": "true", "remote": REMOTE},
            REMOTE_SECTION: self._remote(),
        })  # fmt: skip
        if _as_dict(config) == before:
            return False
        path.parent.mkdir(exist_ok=True)
        with path.open("w") as file:
            config.write(file)
        (path.parent / ".gitignore").write_text(IGNORED)
        return True

    def add(self, path: str) -> None:
        """Take a file of the work tree into DVC's cache, by a link where the disk can, and write its `.dvc` file."""
        with self._dvc("add") as repo:
            repo.add(str(self.folder / path))

    def push(self, path: str) -> None:
        """Copy a versioned file's bytes to the DVC remote."""
        self._refuse_unreachable()
        with self._dvc("push") as repo:
            repo.push(targets=[str(self.folder / f"{path}.dvc")], jobs=JOBS)

    def holds(self, md5: str) -> bool:
        """Tell whether the DVC remote has the bytes of a hash; false too where DVC alone knows its kind."""
        if self.kind is None:
            return False
        try:
            return self.kind.open(self.remote, self.settings).exists(f"files/md5/{md5[:2]}/{md5[2:]}")
        except StoreError as error:
            raise VersionError(f"MOLINO_DVC_REMOTE: {error}") from error

    def refill(self, data: Path, path: str) -> None:
        """Put the bytes of a versioned file into a DVC remote that has lost them."""
        link(data, self.folder / path)
        self.add(path)
        self.push(path)

    def pull(self, path: str) -> Path:
        """Bring a versioned file's bytes into the work tree."""
        self._refuse_unreachable()
        with self._dvc("pull") as repo:
            repo.pull(targets=[str(self.folder / f"{path}.dvc")], jobs=JOBS)
        return self.folder / path

    @contextmanager
    def _dvc(self, action: str) -> Iterator["Repo"]:
        """Open DVC on the work tree, silent, with credentials that are never written to a file.

        Raises:
            VersionError: DVC failed.
        """
        os.environ.update(readable_home(self.folder.parent))
        from dvc.repo import Repo

        configuration: dict[str, Any] = {
            "core": {"site_cache_dir": str(self.folder.parent / "dvc-site-cache")},
            "cache": {"type": "reflink,hardlink,copy"},
            "remote": {REMOTE: {**self._remote(), **self._credentials()}},
        }
        try:
            with _listening() as heard, Repo(str(self.folder), config=configuration) as repo:
                yield repo
        except Exception as error:  # DVC lets through what botocore, fsspec and others raise
            cause = self.remote.hide_in(" ".join(str(heard[-1] if heard else error).split()))
            raise VersionError(f"dvc {action} with {self.remote}: {cause}; check MOLINO_DVC_REMOTE") from error

    def _remote(self) -> dict[str, str]:
        """Return the section that is committed: without secrets."""
        folder = folder_of(self.remote)
        if folder is not None:
            return {"url": str(folder)}
        return self.kind.dvc_remote(self.remote, self.settings) if self.kind else {"url": str(self.remote)}

    def _credentials(self) -> dict[str, str]:
        if self.kind:
            return self.kind.dvc_credentials(self.remote, self.settings)
        if self.remote.login and self.remote.scheme in ("http", "https"):
            user, password = self.remote.login
            return {"auth": "basic", "user": user, "password": password}
        return {"url": self.remote.secret} if self.remote.credentials else {}

    def _refuse_unreachable(self) -> None:
        """Ask the store before DVC does: DVC is slow to give up, and doesn't tell why."""
        try:
            if self.kind:
                self.kind.refuse_unreachable(self.remote, self.settings)
        except StoreError as error:
            raise VersionError(f"MOLINO_DVC_REMOTE: {error}") from error


@contextmanager
def cloned(place: Path, settings: Settings) -> Iterator[DataRepository]:
    """Clone the data repository into a new folder below `place`, and take it away in the end."""
    place.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".data-", dir=place))
    try:
        repository = DataRepository(folder / "repository", settings)
        repository.git.clone()
        yield repository
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fetch_revision(
    settings: Settings, version: VersionResult, path: Path, spares: Iterable[Callable[[Path], Path]] = ()
) -> Path:
    """Bring the data of a revision to `path`, by git clone and dvc pull; a file that is there and right is kept.

    Args:
        settings: where git and DVC remote are.
        version: the revision, and the hash of its data.
        path: where to put the data.
        spares: each brings a copy of the data to a path, from which a DVC remote that has lost it is filled again.

    Raises:
        VersionError: the revision or its bytes can't be had, or the bytes were altered.
    """
    if path.is_file() and md5_of(path) == version.md5:
        return path
    with cloned(path.parent, settings) as repository:
        repository.git.run("checkout", "--quiet", "--detach", version.revision)
        try:
            pulled = repository.pull(version.path)
        except VersionError as lost:
            if repository.holds(version.md5):
                raise
            pulled = _refilled(repository, version, spares, lost)
        found = md5_of(pulled)
        if found != version.md5:
            raise VersionError(
                f"{version.path} of revision {version.revision} has md5 {found} in {settings.dvc_remote_uri}, but its "
                f"record says {version.md5}; the bytes were altered: start a new run"
            )
        pulled.replace(path)
    return path


def _refilled(
    repository: DataRepository, version: VersionResult, spares: Iterable[Callable[[Path], Path]], lost: VersionError
) -> Path:
    """Fill the DVC remote from the first spare copy that fits; return the data in the work tree."""
    place = repository.folder.with_name("spare.parquet")
    for bring in spares:
        try:
            fits = md5_of(bring(place)) == version.md5
        except StoreError:
            continue
        if fits:
            repository.refill(place, version.path)
            return repository.folder / version.path
    raise VersionError(
        f"{lost}; {version.path} with md5 {version.md5} is lost there, and no run in the store has it any more: "
        "start a new run"
    ) from lost


def link(data: Path, target: Path) -> None:
    """Give the data a second name in the work tree: no copy where both are on one disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(data, target)
    except OSError:
        shutil.copyfile(data, target)


def md5_of(path: Path) -> str:
    """Return a file's MD5, by which DVC names it, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


@contextmanager
def _listening() -> Iterator[list[object]]:
    """Silence DVC, and keep the causes that it only logs."""
    from dvc.ui import ui

    heard: list[object] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.exc_info[1] if record.exc_info and record.exc_info[1] else record.getMessage())

    ui.error_console.quiet = True
    logging.getLogger("dvc.progress").setLevel(logging.CRITICAL)
    listener = Listener(logging.ERROR)
    loggers = [logging.getLogger(name) for name in ("dvc", "dvc_objects", "dvc_data")]
    before = [(logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [listener], False
    try:
        yield heard
    finally:
        for logger, (handlers, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate


def _as_dict(config: configparser.ConfigParser) -> dict[str, dict[str, str]]:
    return {section: dict(config[section]) for section in config.sections()}
