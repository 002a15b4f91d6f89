"""The data repository: git for the versions, DVC for the bytes, each with a remote of its own.

From outside, a revision is had with `git clone` and `dvc pull`. With `s3://` remotes both want the AWS variables:
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for a store other than AWS, AWS_ENDPOINT_URL_S3 (git-remote-s3); DVC reads
the endpoint from the repository's own `.dvc/config`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from molino.errors import VersionError
from molino.results import VersionResult
from molino.settings import Settings
from training.git import Git, is_folder

if TYPE_CHECKING:
    from dvc.repo import Repo

REMOTE = "storage"


class DataRepository:
    """A clone of the data repository in a folder of its own, so that DVC's lock is never shared."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.git = Git(folder, settings)

    def clone(self) -> None:
        """Clone anew, over what an interrupted step left there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.git.clone()

    def md5(self, path: str) -> str | None:
        """Return DVC's hash of a versioned file as the work tree has it; none where it isn't versioned."""
        pointer = self.folder / f"{path}.dvc"
        if not pointer.is_file():
            return None
        try:
            return str(yaml.safe_load(pointer.read_text())["outs"][0]["md5"])
        except (yaml.YAMLError, KeyError, IndexError, TypeError) as error:
            raise VersionError(f"{path}.dvc in {self.settings.git_remote_uri} is no DVC file: {error}") from error

    def last_change(self, path: str) -> str:
        """Return the commit that last changed a versioned file."""
        return self.git.run("log", "-1", "--format=%H", "--", f"{path}.dvc")

    def initialise(self) -> None:
        """Set DVC up in the work tree where it isn't, and point it to the remote of the settings."""
        with self._errors("init"):
            if not (self.folder / ".dvc" / "config").is_file():
                from dvc.repo import Repo

                Repo.init(str(self.folder), force=True).close()
            with self.dvc() as repo, repo.config.edit("repo") as config:
                config["core"].update(autostage=True, analytics=False, remote=REMOTE)
                config["remote"][REMOTE] = self._remote()
        self.git.run("add", ".dvc", ".dvcignore")

    def add(self, path: str) -> None:
        """Take a file of the work tree into DVC's cache, and stage its `.dvc` file (`core.autostage`)."""
        with self._errors("add"), self.dvc() as repo:
            repo.add(str(self.folder / path))

    def push(self, path: str) -> None:
        """Copy a versioned file's bytes to the DVC remote."""
        with self._errors("push"), self.dvc() as repo:
            repo.push(targets=[str(self.folder / f"{path}.dvc")], jobs=4)

    def pull(self, path: str) -> Path:
        """Bring a versioned file's bytes into the work tree."""
        with self._errors("pull"), self.dvc() as repo:
            repo.pull(targets=[str(self.folder / f"{path}.dvc")], jobs=4)
        return self.folder / path

    @contextmanager
    def dvc(self) -> Iterator["Repo"]:
        """Open DVC on the work tree, with credentials that are never committed."""
        os.environ["DVC_SITE_CACHE_DIR"] = str(self.folder.parent / "dvc-site-cache")
        os.environ["DVC_NO_ANALYTICS"] = "1"
        from dvc.repo import Repo

        configuration: dict[str, Any] = {
            "cache": {"type": "reflink,hardlink,copy"},
            "remote": {REMOTE: {**self._remote(), **self._credentials()}},
        }
        repo = Repo(str(self.folder), config=configuration)
        try:
            yield repo
        finally:
            repo.close()

    def _remote(self) -> dict[str, str]:
        url = self.settings.dvc_remote_uri
        remote = {"url": str(Path(url).resolve()) if is_folder(url) else url}
        if url.startswith("s3://"):
            remote["region"] = self.settings.s3_region
            if self.settings.s3_endpoint:
                remote["endpointurl"] = self.settings.s3_endpoint
        return remote

    def _credentials(self) -> dict[str, str]:
        secret = self.settings.s3_secret_key
        if not self.settings.dvc_remote_uri.startswith("s3://") or not self.settings.s3_access_key or not secret:
            return {}
        return {"access_key_id": self.settings.s3_access_key, "secret_access_key": secret.get_secret_value()}

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        from dvc.exceptions import DvcException

        try:
            yield
        except (DvcException, OSError) as error:
            cause = " ".join(str(error.__cause__ or error).split())
            where = self.settings.dvc_remote_uri
            raise VersionError(
                f"dvc {action} with the remote {where}: {cause}; check MOLINO_DVC_REMOTE and MOLINO_S3_*"
            ) from error


def fetch_revision(settings: Settings, version: VersionResult, path: Path) -> Path:
    """Bring the data of a revision to `path`, by git clone and dvc pull.

    Raises:
        VersionError: the revision or its bytes can't be had.
    """
    repository = DataRepository(path.parent / f".{path.name}.repository", settings)
    repository.clone()
    repository.git.run("checkout", "--quiet", "--detach", version.revision)
    path.parent.mkdir(parents=True, exist_ok=True)
    repository.pull(version.path).replace(path)
    shutil.rmtree(repository.folder)
    return path
