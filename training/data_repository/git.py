"""Git, as far as data versions need it: a clone in a folder, commits, and pushes that may come too late."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from molino.contracts.address import NAMED_USER, Address
from molino.contracts.errors import StoreError, VersionError
from molino.contracts.settings import Settings
from training.stores.contract import Store
from training.stores.opening import kind_of

TOO_LATE = (
    "fetch first",
    "non-fast-forward",
    "stale info",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value",
)
"""What git says when another push was quicker."""
CONNECT_SECONDS = 15
STALLED_SECONDS = 60
KNOWN_HOSTS = "known_hosts"
"""File in the home that keeps the host keys of ssh remotes."""
SCP = re.compile(r"[^/:]+@[^/:]+:")
"""How the address of an ssh server begins that has no scheme: `git@host:path`."""
OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
"""Variables that git sets for its hooks; they would lead to another repository."""


class Git:
    """A work tree, and the remote that it is a clone of."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.remote = settings.git_remote_uri
        self.branch = settings.git_branch
        self.kind: type[Store] | None = kind_of(self.remote)
        """The store that the remote is kept in; none for a server that speaks to git itself."""

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

    def fetch_all(self) -> None:
        """Learn all that the remote has a name for, beside branches and tags."""
        self._learn(("fetch", "--quiet", "origin", "+refs/*:refs/all/*"), self.folder)

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
        too_late = (*TOO_LATE, *(self.kind.git_too_late if self.kind else ()))
        if done.returncode and not any(sign in done.stderr for sign in too_late):
            raise self._error("push", done.stderr)
        return done.returncode == 0

    def left_lock(self) -> str | None:
        """Return what tells of a lock in the remote that keeps pushes off; none where there is none."""
        with self._store_errors():
            return self.kind.left_git_lock(self.remote, self.branch, self.settings) if self.kind else None

    @property
    def locks_stay(self) -> bool:
        """Whether a lock that was left stays until somebody removes it."""
        return self.kind is not None and self.kind.git_locks_stay

    def answers(self, timeout_seconds: float) -> None:
        """Ask the remote for its branches, as the version step does.

        Raises:
            VersionError: it doesn't answer within the time, or refuses.
        """
        with self._store_errors():
            if self.kind:
                self.kind.refuse_unreachable(self.remote, self.settings)
        self._checked(("ls-remote", "--heads", self.remote), self.folder.parent, timeout_seconds)

    def _learn(self, arguments: tuple[str, ...], cwd: Path) -> None:
        """Read from the remote; in a bucket, what was listed may be gone before it is read, when others push."""
        pauses = self.kind.git_pauses if self.kind else ()
        for pause in (*pauses, None):
            with self._store_errors():
                if self.kind:
                    self.kind.mend_git(self.remote, self.branch, self.settings)
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

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        """Turn errors of the store into one that names the setting."""
        try:
            yield
        except StoreError as error:
            raise VersionError(f"MOLINO_GIT_REMOTE: {error}") from error

    def _checked(self, arguments: tuple[str, ...], cwd: Path, timeout_seconds: float | None = None) -> str:
        done = self._run(arguments, cwd, timeout_seconds)
        if done.returncode:
            raise self._error(arguments[0], done.stderr)
        return done.stdout.strip()

    def _run(
        self, arguments: tuple[str, ...], cwd: Path, timeout_seconds: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = ["git", *self._configuration(), *arguments]
        try:
            return subprocess.run(
                command, cwd=cwd, env=self._environment(), capture_output=True, text=True, errors="replace",
                check=False, timeout=timeout_seconds,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise self._error(arguments[0], f"error: no answer within {timeout_seconds:.0f} s") from error
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
            "http.lowSpeedLimit": "1",  # bytes per second, less than which for so many seconds is given up
            "http.lowSpeedTime": str(STALLED_SECONDS),
        }
        if self.settings.git_credentials:
            pairs["credential.helper"] = _reading(self.settings.git_credentials.resolve())
        return [word for key, value in pairs.items() for word in ("-c", f"{key}={value}")]

    def _environment(self) -> dict[str, str]:
        environment = outside_a_hook() | readable_home(self.folder.parent)
        environment |= {
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C.UTF-8",  # what git says is read here
            # git-remote-s3 is a program of this environment, which need not be on the path.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}",
        }
        if self.kind:
            environment |= self.kind.git_environment(self.remote, self.settings, self.folder.parent)
        if self.remote.credentials:
            # Neither a command line nor the clone's configuration shows them.
            count = int(environment.get("GIT_CONFIG_COUNT") or 0)
            environment |= {
                "GIT_CONFIG_COUNT": str(count + 1),
                f"GIT_CONFIG_KEY_{count}": f"url.{self.remote.secret}.insteadOf",
                f"GIT_CONFIG_VALUE_{count}": str(self.remote),
            }
        environment["GIT_SSH_COMMAND"] = self._ssh()
        return environment

    def _ssh(self) -> str:
        """Return the ssh that git calls: it asks nothing, and takes no other host key than the known one.

        Without a file of known hosts the first key that a host shows is kept in the home, and no other is taken from
        then on.
        """
        known = self._pinned()
        kept = (known or self.settings.root / KNOWN_HOSTS).expanduser().absolute()
        if known is None and (self.remote.scheme in NAMED_USER or SCP.match(self.remote)):
            with suppress(OSError):  # ssh makes no folder, and goes on where it can't keep the key
                kept.parent.mkdir(parents=True, exist_ok=True)
        words = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]
        words += ["-o", "ServerAliveInterval=15", "-o", f"ServerAliveCountMax={STALLED_SECONDS // 15}"]
        words += ["-o", f"StrictHostKeyChecking={'yes' if known else 'accept-new'}"]
        words += ["-o", f'UserKnownHostsFile="{kept}"', *(("-o", "GlobalKnownHostsFile=/dev/null") if known else ())]
        if self.settings.git_ssh_key:
            words += ["-o", "IdentitiesOnly=yes", "-i", str(self.settings.git_ssh_key.expanduser().absolute())]
        return shlex.join(words)

    def _pinned(self) -> Path | None:
        """Return the file of the only host keys that are taken; none where the settings name none."""
        if not self.settings.git_host_keys:
            return self.settings.git_known_hosts
        path = self.folder.with_name(KNOWN_HOSTS)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{self.settings.git_host_keys.strip()}\n")
        return path

    def _error(self, command: str, output: str) -> VersionError:
        lines = [self.remote.hide_in(line.strip()) for line in output.splitlines() if line.strip()]
        host_key = [line for line in lines if "host key" in line.lower()]
        telling = [line for line in lines if "fatal:" in line or "error" in line.lower() or "rejected" in line]
        cause = ([*host_key, *telling] or lines or ["no output"])[0]
        if host_key:
            cause += (
                "; compare the host's key with the one that its owner tells, and put it into MOLINO_GIT_KNOWN_HOSTS"
            )
        return VersionError(
            f"git {command} of the data repository {self.remote}: {cause}; check MOLINO_GIT_REMOTE and its credentials"
        )


def _reading(credentials: Path) -> str:
    """Return a helper of git that reads a file of credentials, and leaves it as it is: a pod's can't be written."""
    store = shlex.join(["git", "credential-store", f"--file={credentials}", "get"])
    return f'!f() {{ test "$1" != get || {store}; }}; f'


def readable_home(scratch: Path) -> dict[str, str]:
    """Return the variable that gives git and DVC another home where the user's own can't be read, as in some pods."""
    try:
        (Path.home() / ".gitconfig").stat()
    except FileNotFoundError:
        return {}
    except (OSError, RuntimeError):
        return {"HOME": str(scratch)}
    return {}


def outside_a_hook() -> dict[str, str]:
    """Return the environment without what leads git to the repository of a hook that runs this."""
    return {name: value for name, value in os.environ.items() if name not in OF_A_HOOK}


def folder_of(remote: str) -> Path | None:
    """Return the folder that a remote is, or none where it is elsewhere."""
    path = Address(remote).path
    if path is None or SCP.match(remote):
        return None
    return path.expanduser().resolve()
