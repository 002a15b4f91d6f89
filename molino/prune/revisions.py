"""What the data repository's revisions name of the bytes in the DVC remote."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from molino.contracts.errors import PruneError
from molino.contracts.settings import Settings
from training.data_repository.git import Git, folder_of

FOLDER = ".dir"
"""How the hash of a folder ends; its bytes are a list of the files in it."""
POINTERS = (".dvc", "dvc.lock")
"""How the names of the files end that tell hashes."""
MD5 = re.compile(r"\bmd5: ['\"]?([0-9a-f]{32}(?:\.dir)?)\b")
ALWAYS = datetime.max.replace(tzinfo=UTC)
COMMIT = "commit "


class Revisions:
    """The data repository, read once and kept until it is told to look again.

    Args:
        settings: lead to it.
        file: what `write` has left, where this process has no git to ask.
    """

    def __init__(self, settings: Settings, file: Path | None = None) -> None:
        self._settings, self._file = settings, file
        self._named: Mapping[str, datetime] | None = None

    def named(self) -> Mapping[str, datetime]:
        """Return until when a revision had each hash, of all that branches and tags lead to.

        Raises:
            VersionError: the data repository can't be reached.
            PruneError: the file of revisions can't be read.
        """
        if self._named is None:
            self._named = _read(self._file) if self._file else _ask(self._settings)
        return self._named

    def look_again(self) -> None:
        """Ask git the next time, which others may have pushed to."""
        self._named = None

    def write(self, path: Path) -> None:
        """Write what is named to a file, for a process that has no git.

        Raises:
            PruneError: it can't be written.
        """
        told = json.dumps({md5: moment.isoformat() for md5, moment in self.named().items()})
        try:
            path.write_text(told)
        except OSError as error:
            raise PruneError(f"{path}: {error.strerror}; name a file that can be written") from error


def in_folder(content: bytes) -> Iterator[str]:
    """Yield the hashes of the files in a folder of DVC.

    Raises:
        PruneError: it isn't what DVC writes.
    """
    try:
        yield from [str(entry["md5"]) for entry in json.loads(content)]
    except (ValueError, TypeError, KeyError) as error:
        raise PruneError(
            f"a folder of the DVC remote can't be read ({error!r}): it isn't known which bytes it needs; restore it by "
            "`dvc push` from a clone that has it"
        ) from error


def _read(file: Path) -> dict[str, datetime]:
    try:
        return {md5: datetime.fromisoformat(moment) for md5, moment in json.loads(file.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise PruneError(f"{file}: it is no file of revisions ({error}); write it by --write-revisions") from error


def _ask(settings: Settings) -> dict[str, datetime]:
    folder = folder_of(settings.git_remote_uri)
    if folder is not None and not folder.exists():
        return {}
    with tempfile.TemporaryDirectory() as place:
        git = Git(Path(place) / "clone", settings)
        git.clone()
        git.fetch_all()
        return _named(git)


def _named(git: Git) -> dict[str, datetime]:
    """Return until when each hash stood in a file of DVC: a line that a commit adds or takes away tells it."""
    found: dict[str, datetime] = {}
    # Merges beside each parent, and no history left out for being the same in the end: a line stands in one of them.
    options = ("--all", "--full-history", "-m", "-p", "--unified=0", "--no-renames", "--no-ext-diff", "--no-textconv")
    when = ALWAYS
    told = git.run("log", *options, "--no-color", f"--format={COMMIT}%ct", "--", *(f"*{ending}" for ending in POINTERS))
    for line in told.splitlines():
        if line.startswith(COMMIT):
            when = datetime.fromtimestamp(int(line.removeprefix(COMMIT)), UTC)
        elif line.startswith(("+", "-")):
            for md5 in MD5.findall(line):
                found[md5] = max(when, found.get(md5, when))
    refs = git.run("for-each-ref", "--format=%(objectname) %(objecttype) %(*objecttype)").splitlines()
    for ref in dict.fromkeys(line.split()[0] for line in refs if "commit" in line.split()[1:]):
        for path in git.run("ls-tree", "-r", "--name-only", "-z", ref).split("\0"):
            if path.endswith(POINTERS):
                found |= dict.fromkeys(MD5.findall(git.run("show", f"{ref}:{path}")), ALWAYS)
    return found
