"""The last release: its tree, its images, and its chart."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from images.build import address, names, version
from tests.cluster.cluster import Cluster
from tests.cluster.commands import run
from tests.cluster.phases import phase
from tests.e2e.installed import images
from tests.e2e.installed.installation import ROOT

REGISTRY = "localhost/last"
"""Of its images, beside those of this tree, which may bear the same version."""
HEADING = re.compile(r"^## \[\d.*$", re.MULTILINE)


def newest(root: Path = ROOT) -> str:
    """Return the commit of the last release: the newest tag, or else what the changelog was last cut by."""
    if tags := _git(root, "tag", "--list", "v*", "--sort=-v:refname"):
        return tags.split()[0]
    heading = HEADING.search((root / "CHANGELOG.md").read_text())
    assert heading, "CHANGELOG.md names no release"
    return _git(root, "log", "--max-count=1", "--format=%H", f"-G^{re.escape(heading[0])}$", "--", "CHANGELOG.md")


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Check a revision out beside this tree, as long as the context lasts."""
    with TemporaryDirectory(prefix="molino-release-") as folder:
        tree = Path(folder) / "tree"
        _git(ROOT, "worktree", "add", "--detach", str(tree), revision)
        try:
            yield tree
        finally:
            _git(ROOT, "worktree", "remove", "--force", str(tree))


def build(cluster: Cluster, tree: Path) -> None:
    """Build its images by its own builder, and load them."""
    command = [sys.executable, str(tree / "images" / "build.py"), "--registry", f"{REGISTRY}/"]
    with phase("images of the last release"):
        subprocess.run([*command, *images.stand_in_options(cluster)], check=True, stdout=sys.stderr, cwd=tree)
        cluster.load([address(name, f"{REGISTRY}/", version()) for name in names()])


def _git(root: Path, *words: str) -> str:
    return run(["git", "-C", root, *words]).strip()
