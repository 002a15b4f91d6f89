"""Git, as far as data versions need it: a clone in a folder, commits, and pushes that may be rejected."""

import os
import subprocess
from pathlib import Path

from molino.errors import VersionError
from molino.settings import Settings

REJECTED = ("[rejected]", "[remote rejected]", "fetch first", "non-fast-forward", "failed to acquire ref lock")


class Git:
    """A work tree, and the remote that it is a clone of."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings

    def run(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run git and return what it prints.

        Raises:
            VersionError: git failed; the message has the command's last line and the remote's address.
        """
        done = self._run(*arguments, cwd=cwd)
        if done.returncode:
            raise VersionError(self._explain(arguments[0], done.stderr))
        return done.stdout.strip()

    def clone(self) -> None:
        """Clone the remote, or start its first branch where it has none yet; a folder that is missing is made."""
        remote, branch = self.settings.git_remote_uri, self.settings.git_branch
        if is_folder(remote) and not Path(remote).exists():
            self.run("init", "--quiet", "--bare", f"--initial-branch={branch}", remote, cwd=Path.cwd())
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.run("clone", "--quiet", "--no-checkout", remote, str(self.folder), cwd=self.folder.parent)

    def start_over(self) -> bool:
        """Make the work tree what the remote's branch is now; return false where there is no such branch yet."""
        branch = self.settings.git_branch
        self.run("fetch", "--quiet", "--prune", "origin")
        if self._run("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{branch}").returncode:
            self.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")
            self._run("update-ref", "-d", f"refs/heads/{branch}")
            return False
        self.run("checkout", "--quiet", "--force", "-B", branch, f"origin/{branch}")
        return True

    def push(self) -> bool:
        """Push the branch; return false where another push was quicker.

        Raises:
            VersionError: the remote refused for another reason, or can't be reached.
        """
        branch = self.settings.git_branch
        done = self._run("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        if done.returncode == 0:
            return True
        if any(mark in done.stderr for mark in REJECTED):
            return False
        raise VersionError(self._explain("push", done.stderr))

    def _run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = ["git", *self._configuration(), *arguments]
        try:
            return subprocess.run(
                command, cwd=cwd or self.folder, env=self._environment(), capture_output=True, text=True, check=False
            )
        except FileNotFoundError as error:
            raise VersionError("git isn't installed; install it (`apt-get install git`)") from error

    def _configuration(self) -> list[str]:
        pairs = {
            "user.name": self.settings.git_author,
            "user.email": self.settings.git_email,
            "commit.gpgsign": "false",
            "advice.detachedHead": "false",
            "core.hooksPath": os.devnull,
        }
        if self.settings.git_credentials:
            pairs["credential.helper"] = f"store --file={self.settings.git_credentials}"
        return [word for key, value in pairs.items() for word in ("-c", f"{key}={value}")]

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, **aws_environment(self.settings), "GIT_TERMINAL_PROMPT": "0"}
        if self.settings.git_ssh_key:
            options = "-o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new"
            environment["GIT_SSH_COMMAND"] = f"ssh -i {self.settings.git_ssh_key} {options}"
        return environment

    def _explain(self, command: str, output: str) -> str:
        lines = [line for line in output.strip().splitlines() if line.strip()]
        cause = next((line for line in reversed(lines) if "fatal:" in line or "error" in line.lower()), None)
        cause = cause or (lines[-1] if lines else "no output")
        remote = self.settings.git_remote_uri
        return f"git {command} of the data repository {remote}: {cause}; check MOLINO_GIT_REMOTE and its credentials"


def is_folder(remote: str) -> bool:
    """Tell whether a git remote is a folder on this machine."""
    return "://" not in remote and not ("@" in remote and ":" in remote)


def aws_environment(settings: Settings) -> dict[str, str]:
    """Return what `git-remote-s3`, which knows the AWS variables alone, needs to reach the settings' S3."""
    secret = settings.s3_secret_key
    pairs = {
        "AWS_ENDPOINT_URL_S3": settings.s3_endpoint,
        "AWS_ACCESS_KEY_ID": settings.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": secret.get_secret_value() if secret else None,
        "AWS_DEFAULT_REGION": settings.s3_region,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }
    return {name: value for name, value in pairs.items() if value}
