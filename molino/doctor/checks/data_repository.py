"""The data repository: git's remote, and DVC's."""

import secrets
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from molino.contracts.errors import MolinoError
from molino.contracts.settings import Settings
from molino.doctor.finding import Finding, judge, ok

TIMEOUT_SECONDS = 20
PROBE = "probe.txt"


def check(settings: Settings) -> Iterator[Finding]:
    """Ask both as the version step does: in its environment, with its credentials and host keys."""
    yield _git_remote(settings)
    yield _dvc_remote(settings)


def _git_remote(settings: Settings) -> Finding:
    from training.data_repository.git import Git, folder_of

    uri = settings.git_remote_uri
    folder = folder_of(uri)
    if folder is not None and not folder.exists():
        return ok("git remote", f"{uri} (made by the first version step)")
    advice = "check MOLINO_GIT_REMOTE and its credentials"
    try:
        with tempfile.TemporaryDirectory() as scratch:
            git = Git(Path(scratch) / "clone", settings)
            git.answers(TIMEOUT_SECONDS)
            left = git.left_lock()
    except (MolinoError, OSError) as error:
        return Finding("git remote", "fail", str(error), advice)
    return judge("git remote", left is None, left or uri, advice)


def _dvc_remote(settings: Settings) -> Finding:
    """Have DVC push a few bytes, look for them where they are to be, and take them away."""
    from training.stores.opening import kind_of, open_at

    uri = settings.dvc_remote_uri
    kind = kind_of(uri)
    if kind is None:
        return ok("DVC remote", f"{uri} (of a kind that isn't looked into)")
    keys = f", {kind.settings_named}" if kind.settings_named else ""
    advice = f"check MOLINO_DVC_REMOTE{keys}, and that it may be written"
    try:
        store = open_at(uri, settings)
        if find_spec("dvc") is None:
            return judge("DVC remote", store.probe(), f"{uri} (without DVC, which isn't installed here)", advice)
        with tempfile.TemporaryDirectory() as scratch:
            md5 = _push(Path(scratch) / "repository", settings)
        key = f"files/md5/{md5[:2]}/{md5[2:]}"
        there = store.exists(key)
        store.delete(key)
    except (MolinoError, OSError) as error:
        return Finding("DVC remote", "fail", str(error), advice)
    return judge("DVC remote", there, uri if there else f"{uri} hasn't what DVC has pushed to it", advice)


def _push(folder: Path, settings: Settings) -> str:
    """Push a file of a new repository, and return its hash."""
    from training.data_repository.repository import DataRepository

    folder.mkdir()
    repository = DataRepository(folder, settings)
    repository.git.run("init", "--quiet")
    repository.configure()
    (folder / PROBE).write_text(f"molino doctor {secrets.token_hex(16)}")
    repository.add(PROBE)
    repository.push(PROBE)
    return repository.md5(PROBE) or ""
