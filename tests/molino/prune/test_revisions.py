"""What the data repository names: over random histories of branches, merges and tags, each revision can be pulled."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from molino.contracts.errors import PruneError, VersionError
from molino.contracts.settings import Settings
from molino.prune.plan import Name, Policy, Thing, decide
from molino.prune.revisions import ALWAYS, Revisions, in_folder

NOW = datetime(2026, 11, 27, tzinfo=UTC)
HASHES = tuple(f"{number:032x}" for number in range(12))
STEPS = st.tuples(st.sampled_from(["main", "side", "third"]), st.sampled_from(["commit", "merge", "tag", "drop"]))


def git(folder: Path, *arguments: str, days_ago: int = 0) -> str:
    at = str(int((NOW - timedelta(days=days_ago)).timestamp()))
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_COMMITTER_DATE": f"{at} +0000",
        "GIT_AUTHOR_DATE": f"{at} +0000", "GIT_CONFIG_NOSYSTEM": "1",
    }  # fmt: skip
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def write(folder: Path, model: str, md5: str) -> None:
    (folder / model).mkdir(exist_ok=True)
    (folder / model / "clean.parquet.dvc").write_text(f"outs:\n- md5: {md5}\n  size: 4\n  path: clean.parquet\n")


def history(folder: Path, steps: list[tuple[str, str]]) -> None:
    """Make a repository; each commit has data of its own, the older it is the fewer steps were before it."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    write(folder, "flats", HASHES[0])
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first", days_ago=len(steps) + 1)
    for number, (branch, what) in enumerate(steps):
        ago = len(steps) - number
        if what == "drop":
            if branch != "main":
                git(folder, "checkout", "--quiet", "main")
                subprocess.run(["git", "branch", "-D", branch], cwd=folder, capture_output=True, check=False)
            continue
        known = git(folder, "branch", "--list", branch).strip()
        git(folder, "checkout", "--quiet", *([] if known else ["-b"]), branch)
        if what == "commit":
            write(folder, ("flats", "rooms")[number % 2], HASHES[number % len(HASHES)])
            git(folder, "add", ".")
            git(folder, "commit", "--quiet", "--allow-empty", "-m", f"{number}", days_ago=ago)
        elif what == "tag":
            git(folder, "tag", f"t{number}", days_ago=ago)
        else:  # the side's content is lost in the merge, its commits stay
            git(folder, "merge", "--quiet", "--no-ff", "-s", "ours", "-m", "merge", "main", days_ago=ago)


def pullable(folder: Path) -> set[str]:
    """Return the hashes in the files of DVC of all commits that branches and tags lead to."""
    found = set()
    for revision in git(folder, "rev-list", "--all").split():
        for path in git(folder, "ls-tree", "-r", "--name-only", revision).split():
            found.add(git(folder, "show", f"{revision}:{path}").split("md5: ")[1].split()[0])
    return found


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=1, max_size=8))
def test_whatever_can_be_pulled_stays(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]) -> None:
    place = tmp_path_factory.mktemp("home")
    folder = place / "data"
    folder.mkdir()
    history(folder, steps)
    named = Revisions(Settings(home=place, git_remote=str(folder))).named()

    assert named.keys() == pullable(folder)
    things = [Thing(Name("data", "", md5), NOW - timedelta(days=400), revised=named.get(md5)) for md5 in HASHES]
    plan = decide(things, Policy(), NOW)
    assert {name.id for name in plan.kept} == pullable(folder)
    aged = decide(things, Policy(revision_days=0), NOW)
    for ref in git(folder, "for-each-ref", "--format=%(objectname)").split():
        for path in git(folder, "ls-tree", "-r", "--name-only", ref).split():
            assert git(folder, "show", f"{ref}:{path}").split("md5: ")[1].split()[0] in {one.id for one in aged.kept}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two revisions, the second 10 days old."""
    folder = tmp_path / "data"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for md5, ago in ((HASHES[0], 400), (HASHES[1], 10)):
        write(folder, "flats", md5)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", md5, days_ago=ago)
    return folder


def test_data_goes_so_long_after_another_revision_took_its_place(repository: Path, tmp_path: Path) -> None:
    named = Revisions(Settings(home=tmp_path, git_remote=str(repository))).named()
    old = Thing(Name("data", "", HASHES[0]), NOW - timedelta(days=400), revised=named[HASHES[0]])

    assert named == {HASHES[0]: NOW - timedelta(days=10), HASHES[1]: ALWAYS}
    assert decide([old], Policy(revision_days=20), NOW).kept == {old.name: "a revision of the data repository names it"}
    assert decide([old], Policy(revision_days=5), NOW).going.keys() == {old.name}


def test_what_is_named_passes_through_a_file(repository: Path, tmp_path: Path) -> None:
    asked = Revisions(Settings(home=tmp_path, git_remote=str(repository)))
    asked.write(tmp_path / "revisions.json")

    assert Revisions(Settings(home=tmp_path / "none"), tmp_path / "revisions.json").named() == asked.named()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(PruneError, match=r"nowhere/x: No such file or directory; name a file that can be written"):
        Revisions(Settings(home=tmp_path / "home")).write(tmp_path / "nowhere/x")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "revisions.json").write_text("[]")
    with pytest.raises(PruneError, match=r"revisions\.json: it is no file of revisions"):
        Revisions(Settings(home=tmp_path), tmp_path / "revisions.json").named()


def test_a_repository_that_cannot_be_reached_lets_nothing_go(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no repository")
    with pytest.raises(VersionError):
        Revisions(Settings(home=tmp_path, git_remote=str(tmp_path / "data"))).named()


def test_a_home_without_data_names_nothing(tmp_path: Path) -> None:
    assert Revisions(Settings(home=tmp_path)).named() == {}


def test_what_is_in_a_folder_of_dvc_is_named_by_it() -> None:
    assert list(in_folder(b'[{"md5": "0a", "relpath": "a"}, {"md5": "0b", "relpath": "b/c"}]')) == ["0a", "0b"]
    with pytest.raises(PruneError, match="a folder of the DVC remote can't be read"):
        list(in_folder(b"rows"))
