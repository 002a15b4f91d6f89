import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from molino.contracts.errors import VersionError
from molino.contracts.settings import Settings
from training.data_repository.git import Git, folder_of

Clone = Callable[[str], Git]


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "folder":
        return Settings(home=tmp_path / "home")
    s3 = request.getfixturevalue("s3")
    return s3.settings(tmp_path / "home", git_remote=f"s3://{s3.make_bucket()}/git")


@pytest.fixture
def clone(settings: Settings, tmp_path: Path) -> Clone:
    def make(name: str) -> Git:
        git = Git(tmp_path / name / "clone", settings)
        git.clone()
        return git

    return make


def commit(git: Git, name: str) -> None:
    git.start_over()
    (git.folder / name).write_text(name)
    git.run("add", name)
    git.run("commit", "--quiet", "--message", name)


def test_a_first_push_makes_the_branch(clone: Clone) -> None:
    first = clone("a")
    commit(first, "one")
    assert (first.push(), clone("b").run("log", "--format=%s")) == (True, "one")


def test_a_push_that_comes_too_late_is_told(clone: Clone) -> None:
    first, second = clone("a"), clone("b")
    commit(first, "one")
    commit(second, "two")
    assert (first.push(), second.push()) == (True, False)


def test_after_a_fetch_it_goes_on_top(clone: Clone) -> None:
    first, second = clone("a"), clone("b")
    commit(first, "one")
    commit(second, "two")
    first.push()
    second.push()
    second.fetch()
    commit(second, "two")
    assert (second.push(), second.run("log", "--format=%s").splitlines()) == (True, ["two", "one"])


# Folders.


@pytest.fixture
def folders(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_a_folder_becomes_a_bare_repository_once(folders: Settings, tmp_path: Path) -> None:
    clones = [Git(tmp_path / str(number) / "clone", folders) for number in range(6)]
    faults: list[Exception] = []

    def start(git: Git) -> None:
        try:
            git.clone()
        except VersionError as error:
            faults.append(error)

    threads = [threading.Thread(target=start, args=(git,)) for git in clones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (faults, [path.name for path in folders.root.iterdir()]) == ([], ["data.git"])


def test_an_empty_folder_becomes_a_repository(folders: Settings, tmp_path: Path) -> None:
    Path(folders.git_remote_uri).mkdir(parents=True)
    Git(tmp_path / "clone", folders).clone()
    assert (Path(folders.git_remote_uri) / "HEAD").is_file()


def test_a_folder_of_other_things_is_left_alone(folders: Settings, tmp_path: Path) -> None:
    folder = Path(folders.git_remote_uri)
    folder.mkdir(parents=True)
    (folder / "letters.txt").touch()
    with pytest.raises(VersionError, match="is no git repository, and none can be made there"):
        Git(tmp_path / "clone", folders).clone()
    assert [path.name for path in folder.iterdir()] == ["letters.txt"]


def test_a_hook_that_calls_molino_does_not_lend_its_repository(
    folders: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other.git" / "index"))
    git = Git(tmp_path / "clone", folders)
    git.clone()
    commit(git, "one")
    assert git.push()


def test_the_language_of_the_machine_does_not_matter(
    folders: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    clones = [Git(tmp_path / name / "clone", folders) for name in "ab"]
    for git in clones:
        git.clone()
        commit(git, git.folder.parent.name)
    assert [git.push() for git in clones] == [True, False]


def test_an_address_that_does_not_answer_is_told_in_one_line(tmp_path: Path) -> None:
    git = Git(tmp_path / "clone", Settings(home=tmp_path, git_remote="http://127.0.0.1:1/data.git"))
    with pytest.raises(VersionError) as caught:
        git.clone()
    said = str(caught.value)
    assert said.startswith("git clone of the data repository http://127.0.0.1:1/data.git: fatal: unable to access")
    assert said.endswith("; check MOLINO_GIT_REMOTE and its credentials")
    assert "\n" not in said


def test_a_bucket_that_is_not_there_is_told_with_what_to_do(s3, tmp_path: Path) -> None:
    git = Git(tmp_path / "clone", s3.settings(tmp_path, git_remote="s3://not-there/git"))
    with pytest.raises(VersionError, match=r"MOLINO_GIT_REMOTE: .*there is no bucket 'not-there'.*; make it"):
        git.clone()


def test_a_file_of_credentials_is_used(tmp_path: Path) -> None:
    stored = tmp_path / "credentials"
    stored.write_text("https://ada:secret@git.example.org\n")
    git = Git(tmp_path, Settings(home=tmp_path, git_credentials=stored))
    asked = subprocess.run(
        ["git", *git._configuration(), "credential", "fill"], env=git._environment(), cwd=tmp_path, check=True,
        input="protocol=https\nhost=git.example.org\n\n", capture_output=True, text=True,
    )  # fmt: skip
    assert "password=secret" in asked.stdout


@pytest.mark.parametrize("operation", ["approve", "reject"])
def test_a_file_of_credentials_stays_as_it_is(operation: str, tmp_path: Path) -> None:
    stored = tmp_path / "the credentials" / "of git"
    stored.parent.mkdir()
    stored.write_text("https://ada:secret@git.example.org\n")
    git = Git(tmp_path, Settings(home=tmp_path, git_credentials=stored))
    told = subprocess.run(
        ["git", *git._configuration(), "credential", operation], env=git._environment(), cwd=tmp_path, check=True,
        input="protocol=https\nhost=git.example.org\nusername=ada\npassword=secret\n\n", capture_output=True, text=True,
    )  # fmt: skip
    assert (told.stderr, stored.read_text()) == ("", "https://ada:secret@git.example.org\n")
    assert [path.name for path in stored.parent.iterdir()] == ["of git"]


@pytest.mark.parametrize(
    ("remote", "folder"),
    [
        ("/data.git", Path("/data.git")),
        ("file:///data.git", Path("/data.git")),
        ("s3://bucket/git", None),
        ("https://github.com/ada/data.git", None),
        ("git@github.com:ada/data.git", None),
    ],
)
def test_a_folder_is_told_from_an_address(remote: str, folder: Path | None) -> None:
    assert folder_of(remote) == folder


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data_repository.git.STALLED_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        remote = f"http://127.0.0.1:{silent.getsockname()[1]}/data.git"
        with pytest.raises(VersionError, match="Operation too slow"):
            Git(tmp_path / "clone", Settings(home=tmp_path, git_remote=remote)).clone()


def test_all_that_has_a_name_is_learned(clone: Clone) -> None:
    first = clone("a")
    commit(first, "one")
    first.push()
    first.run("push", "--quiet", "origin", "HEAD:refs/heads/side")
    second = clone("b")
    second.fetch_all()
    assert "refs/all/heads/side" in second.run("for-each-ref", "--format=%(refname)").splitlines()
