"""A DVC remote that has lost bytes is filled again from what is at hand; a lock that was left is named at once."""

import os
import re
import shutil
import time
from pathlib import Path

import pytest
from ingested_run import IngestedRun

from molino.contracts.errors import VersionError
from molino.contracts.results import VersionResult
from molino.contracts.settings import Settings
from training.data_repository.copies import copies_of
from training.data_repository.repository import fetch_revision
from training.stores.opening import open_at


def lose(settings: Settings) -> None:
    remote = open_at(settings.dvc_remote_uri, settings)
    for key in list(remote.list("files/")):
        remote.delete(key)


def kept(settings: Settings) -> list[str]:
    return list(open_at(settings.dvc_remote_uri, settings).list("files/md5/"))


def brought(settings: Settings, run: IngestedRun, version: VersionResult, path: Path) -> bytes:
    return fetch_revision(settings, version, path, copies_of(run.store, run.model, run.clean)).read_bytes()


def test_a_version_step_fills_it_again_without_a_commit(settings: Settings) -> None:
    first = IngestedRun(settings).version()
    before = kept(settings)
    lose(settings)
    second = IngestedRun(settings, run_id="r2").version()
    assert (kept(settings), second) == (before, first.model_copy(update={"created": False}))


def test_a_later_step_fills_it_again_from_the_rows_of_its_run(settings: Settings, tmp_path: Path) -> None:
    run = IngestedRun(settings)
    version, before = run.version(), kept(settings)
    lose(settings)
    assert brought(settings, run, version, tmp_path / "rows" / "clean.parquet") == b"rows"
    assert kept(settings) == before


def test_the_rows_of_another_run_that_fit_will_do(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    run = IngestedRun(settings)
    version = run.version()
    IngestedRun(settings, b"others", "r2")
    IngestedRun(settings, run_id="r3")
    lose(settings)
    run.store.delete(run.clean.key)
    assert brought(settings, run, version, tmp_path / "rows" / "clean.parquet") == b"rows"


def test_a_remote_that_is_gone_as_a_whole_is_made_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    run = IngestedRun(settings)
    version, before = run.version(), kept(settings)
    shutil.rmtree(settings.dvc_remote_uri)
    assert brought(settings, run, version, tmp_path / "rows" / "clean.parquet") == b"rows"
    assert kept(settings) == before


def test_rows_that_nobody_has_any_more_are_told_in_one_line(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    run = IngestedRun(settings)
    version = run.version()
    lose(settings)
    run.store.write(run.clean.key, b"altered")
    with pytest.raises(VersionError) as caught:
        brought(settings, run, version, tmp_path / "rows" / "clean.parquet")
    said = str(caught.value)
    assert f"housing/clean.parquet with md5 {version.md5} is lost there" in said
    assert said.endswith("no run in the store has it any more: start a new run")
    assert "\n" not in said


# Locks.


def test_a_lock_that_a_killed_push_has_left_is_named_at_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    IngestedRun(settings).version()
    lock = Path(settings.git_remote_uri) / "refs" / "heads" / "main.lock"
    lock.touch()
    hour_ago = time.time() - 3600
    os.utime(lock, (hour_ago, hour_ago))
    started = time.monotonic()
    with pytest.raises(VersionError) as caught:
        IngestedRun(settings, b"more", "r2").version()
    begins = rf"MOLINO_GIT_REMOTE: {re.escape(str(lock))} is (\d+) s old: a push that was killed has left it"
    named = re.match(begins, str(caught.value))
    assert named, caught.value
    assert 3600 <= int(named[1]) <= time.time() - hour_ago + 1
    assert str(caught.value).endswith("; remove it, and run the step again")
    assert time.monotonic() - started < 60


def test_doctor_names_a_left_lock(tmp_path: Path) -> None:
    from molino.doctor import examine

    settings = Settings(home=tmp_path / "home")
    IngestedRun(settings).version()
    lock = Path(settings.git_remote_uri) / "refs" / "heads" / "main.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    finding = next(one for one in examine(settings) if one.subject == "git remote")
    assert (finding.well, str(lock) in finding.seen) == (False, True)
