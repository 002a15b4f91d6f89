"""Git, as far as data versions need it: a clone in a folder, commits, and pushes that may come too late."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from molino.contracts.errors import VersionError
from molino.contracts.settings import Settings
from training.data_repository import git_s3

TOO_LATE = (
    "fetch first",
    "non-fast-forward",
    "stale info",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value",
    *git_s3.TOO_LATE,
)
"""What git and its remotes say when another push was quicker."""
READ_AGAIN_SECONDS = (0.1, 0.5, 2.0)
OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
"""Variables that git sets for its hooks; they would lead to another repository."""


class Git:
    """A work tree, and the remote that it is a clone of."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.remote = settings.git_remote_uri
        self.branch = settings.git_branch

    def run(self, *arguments: str) -> str:
        """Run git in the work tree and return what it prints.

        Raises:
            VersionError: git failed; the message has its cause and the remote's address.
        """
        return self._checked(arguments, self.folder)

    def clone(self) -> None:
        """Clone the remote into the folder, which must not exist; a remote folder is made at its first use.

        Raises:
            VersionError: the remote can't be reached, or is no repository.
        """
        folder = folder_of(self.remote)
        if folder is not None:
            self._make_bare(folder)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._learn(("clone", "--quiet", "--no-checkout", self.remote, str(self.folder)), self.folder.parent)

    def fetch(self) -> None:
        """Learn what others have pushed since the clone."""
        self._learn(("fetch", "--quiet", "--prune", "origin"), self.folder)

    def start_over(self) -> bool:
        """Make the work tree what the remote's branch was when it was fetched; false where there was none yet."""
        known = self._run(("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{self.branch}"), self.folder)
        if known.returncode:
            self.run("symbolic-ref", "HEAD", f"refs/heads/{self.branch}")
            return False
        self.run("checkout", "--quiet", "--force", "-B", self.branch, f"origin/{self.branch}")
        return True

    def push(self) -> bool:
        """Push the branch; return false where another push was quicker.

        Raises:
            VersionError: the remote refuses for another reason, or can't be reached.
        """
        done = self._run(("push", "--quiet", "origin", f"HEAD:refs/heads/{self.branch}"), self.folder)
        if done.returncode and not any(sign in done.stderr for sign in TOO_LATE):
            raise self._error("push", done.stderr)
        return done.returncode == 0

    def _learn(self, arguments: tuple[str, ...], cwd: Path) -> None:
        """Read from the remote; in a bucket, what was listed may be gone before it is read, when others push."""
        pauses = READ_AGAIN_SECONDS if self.remote.startswith(git_s3.SCHEME) else ()
        for pause in (*pauses, None):
            if self.remote.startswith(git_s3.SCHEME):
                git_s3.recover(self.remote, self.branch, self.settings)
            try:
                self._checked(arguments, cwd)
            except VersionError:
                if pause is None:
                    raise
                time.sleep(pause)
            else:
                return

    def _make_bare(self, folder: Path) -> None:
        """Make the bare repository whole or not at all, also where two make it at once."""
        if (folder / "HEAD").is_file() or (folder / ".git").exists():
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            self._checked(("init", "--quiet", "--bare", f"--initial-branch={self.branch}", str(new)), folder.parent)
            new.replace(folder)
        except OSError as error:
            if not (folder / "HEAD").is_file():
                raise VersionError(
                    f"{folder} is no git repository, and none can be made there: {error.strerror}; "
                    "check MOLINO_GIT_REMOTE"
                ) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _checked(self, arguments: tuple[str, ...], cwd: Path) -> str:
        done = self._run(arguments, cwd)
        if done.returncode:
            raise self._error(arguments[0], done.stderr)
        return done.stdout.strip()

    def _run(self, arguments: tuple[str, ...], cwd: Path) -> subprocess.CompletedProcess[str]:
        command = ["git", *self._configuration(), *arguments]
        try:
            return subprocess.run(
                command, cwd=cwd, env=self._environment(), capture_output=True, text=True, check=False
            )
        except FileNotFoundError as error:
            raise VersionError("git is not found: install it (on Debian and Ubuntu: apt-get install git)") from error

    def _configuration(self) -> list[str]:
        pairs = {
            "user.name": self.settings.git_author,
            "user.email": self.settings.git_email,
            "commit.gpgsign": "false",
            "push.gpgsign": "false",
            "advice.detachedHead": "false",
            "core.hooksPath": os.devnull,
            "core.autocrlf": "false",
        }
        if self.settings.git_credentials:
            pairs["credential.helper"] = f"store --file={self.settings.git_credentials.resolve()}"
        return [word for key, value in pairs.items() for word in ("-c", f"{key}={value}")]

    def _environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name not in OF_A_HOOK}
        environment |= {
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C.UTF-8",  # what git says is read here
            # git-remote-s3 is a program of this environment, which need not be on the path.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}",
        }
        if self.remote.startswith(git_s3.SCHEME):
            environment |= git_s3.environment(self.settings, self.folder.parent)
        if self.settings.git_ssh_key:
            options = "-o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new"
            environment["GIT_SSH_COMMAND"] = f"ssh -i '{self.settings.git_ssh_key.resolve()}' {options}"
        return environment

    def _error(self, command: str, output: str) -> VersionError:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        telling = [line for line in lines if "fatal:" in line or "error" in line.lower() or "rejected" in line]
        cause = (telling or lines or ["no output"])[0]
        return VersionError(
            f"git {command} of the data repository {self.remote}: {cause}; check MOLINO_GIT_REMOTE and its credentials"
        )


def folder_of(remote: str) -> Path | None:
    """Return the folder that a remote is, or none where it is elsewhere."""
    if remote.startswith("file://"):
        return Path(remote.removeprefix("file://"))
    if "://" in remote or ("@" in remote and ":" in remote):
        return None
    return Path(remote).expanduser().resolve()
