from pathlib import Path

import pytest

from tests.cluster.commands import run
from tests.e2e.upgrades import release

UNRELEASED = "# Changelog\n\n## [Unreleased]\n"
RELEASED = f"{UNRELEASED}\n## [0.2.0] - 2026-11-28\n\n## [0.1.0] - 2026-11-01\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    return tmp_path


def git(root: Path, *words: str) -> str:
    return run(["git", "-C", root, "-c", "user.name=a", "-c", "user.email=a@localhost", *words]).strip()


def commit(root: Path, changelog: str) -> str:
    (root / "CHANGELOG.md").write_text(changelog)
    git(root, "add", "CHANGELOG.md")
    git(root, "commit", "--quiet", "--message", "one")
    return git(root, "rev-parse", "HEAD")


def test_the_last_release_is_the_commit_that_cut_the_changelog(repository: Path) -> None:
    commit(repository, UNRELEASED)
    cut = commit(repository, RELEASED)
    commit(repository, RELEASED.replace("[Unreleased]", "[Unreleased]\n\n- More."))
    assert release.newest(repository) == cut


def test_the_newest_tag_is_the_last_release(repository: Path) -> None:
    commit(repository, RELEASED)
    for tag in ("v0.9.0", "v0.10.0", "other"):
        git(repository, "tag", tag)
    assert release.newest(repository) == "v0.10.0"
