from pathlib import Path

import pytest

from molino.contracts.settings import Settings
from training.data_repository.git import Git
from training.stores import git_bundles
from training.stores.s3 import S3Store

BRANCH = "refs/heads/main/"


@pytest.fixture
def settings(s3, tmp_path: Path) -> Settings:
    return s3.settings(tmp_path / "home", git_remote=f"s3://{s3.make_bucket()}/git")


@pytest.fixture
def objects(settings: Settings) -> S3Store:
    return S3Store.open(settings.git_remote_uri, settings)


@pytest.fixture
def pushed(settings: Settings, tmp_path: Path) -> Git:
    """A clone that has pushed one commit."""
    git = Git(tmp_path / "a" / "clone", settings)
    git.clone()
    git.start_over()
    commit(git)
    git.push()
    return git


def commit(git: Git) -> None:
    git.run("commit", "--quiet", "--allow-empty", "--message", "another")


def push_killed_before_the_old_bundle_is_removed(git: Git, objects: S3Store) -> None:
    """Leave what a push leaves that is killed within: the old bundle beside the new one, and its lock."""
    (old,) = [key for key in objects.list(BRANCH) if key.endswith(".bundle")]
    bundle = objects.read(old)
    commit(git)
    git.push()
    (new,) = [key for key in objects.list(BRANCH) if key.endswith(".bundle")]
    newer = objects.read(new)
    objects.delete(new)
    objects.write(old, bundle)
    objects.write(new, newer)
    objects.write(BRANCH + "LOCK#.lock", b"")


def test_while_the_lock_is_held_nothing_is_removed(pushed: Git, objects: S3Store, settings: Settings) -> None:
    push_killed_before_the_old_bundle_is_removed(pushed, objects)
    before = list(objects.list(BRANCH))
    S3Store.mend_git(settings.git_remote_uri, "main", settings)
    assert list(objects.list(BRANCH)) == before


def test_while_the_lock_is_held_a_push_comes_too_late(pushed: Git, objects: S3Store) -> None:
    push_killed_before_the_old_bundle_is_removed(pushed, objects)
    commit(pushed)
    assert not pushed.push()


def test_a_branch_that_a_killed_push_has_left_is_pushed_to_again(
    pushed: Git, objects: S3Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_killed_before_the_old_bundle_is_removed(pushed, objects)
    monkeypatch.setattr(git_bundles, "LOCK_SECONDS", 0)
    git = Git(tmp_path / "b" / "clone", settings)
    git.clone()
    git.start_over()
    commit(git)
    assert (git.push(), git.run("rev-list", "--count", "HEAD")) == (True, "3")
