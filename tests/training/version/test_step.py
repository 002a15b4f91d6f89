import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ingested_run import IngestedRun
from killed import kill_after, start_step

from molino.contracts.errors import StepError, StoreError, VersionError
from molino.contracts.results import VersionResult
from molino.contracts.settings import Settings

RESET_COLOURS = b"\x1b[0m"


@pytest.fixture
def outside(settings: Settings, request: pytest.FixtureRequest) -> Mapping[str, str]:
    """What a person needs who has the programs git and dvc, and the keys of the store."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOLINO_", "GIT_", "DVC_"))}
    keys = request.getfixturevalue("s3").environment() if settings.s3_endpoint else {}
    return {**kept, **keys, "PATH": path, "DVC_NO_ANALYTICS": "1"}


def do(command: str, cwd: Path, environment: Mapping[str, str]) -> str:
    """Run a command as a person does at a terminal."""
    done = subprocess.run(command.split(), cwd=cwd, env=dict(environment), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def commits(settings: Settings, place: Path, outside: Mapping[str, str]) -> list[str]:
    """Return the subjects of the commits, newest first."""
    do(f"git clone --quiet {settings.git_remote_uri} {place}", place.parent, outside)
    return do("git log --format=%s", place, outside).splitlines()


def test_git_clone_and_dvc_pull_bring_the_rows_of_each_revision(
    settings: Settings, outside: Mapping[str, str], tmp_path: Path
) -> None:
    first = IngestedRun(settings, b"first").version()
    IngestedRun(settings, b"second", "r2").version()
    do(f"git clone --quiet {settings.git_remote_uri} clone", tmp_path, outside)
    brought = []
    for revision in ("main", first.revision):
        do(f"git checkout --quiet {revision}", tmp_path / "clone", outside)
        do("dvc pull --quiet", tmp_path / "clone", outside)
        brought.append((tmp_path / "clone" / first.path).read_bytes())
    assert brought == [b"second", b"first"]


def test_no_key_is_committed(settings: Settings, outside: Mapping[str, str], tmp_path: Path) -> None:
    IngestedRun(settings).version()
    commits(settings, tmp_path / "clone", outside)
    secret = settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else "secret_access_key"
    assert secret not in do("git log -p", tmp_path / "clone", outside)


def test_unchanged_rows_keep_their_revision(settings: Settings) -> None:
    first = IngestedRun(settings).version()
    second = IngestedRun(settings, run_id="r2").version()
    assert second == first.model_copy(update={"created": False})


def test_runs_at_once_all_end_well(settings: Settings, outside: Mapping[str, str], tmp_path: Path) -> None:
    same = [IngestedRun(settings, run_id=run_id) for run_id in ("r1", "r2")]
    at_once([*same, IngestedRun(settings, b"p1", "p1", "penguins")])
    assert sorted(commits(settings, tmp_path / "clone", outside)) == ["housing: 4 rows", "penguins: 2 rows"]


def at_once(runs: list[IngestedRun]) -> None:
    """Run the version step of several runs at once, each as a process of its own."""
    processes = [start_step(run, "version") for run in runs]
    with ThreadPoolExecutor(len(runs)) as pool:
        said = list(pool.map(lambda process: process.communicate()[1], processes))
    assert [process.returncode for process in processes] == [0] * len(runs), said


@pytest.mark.parametrize("event", ["bytes pushed", "pushed"])
def test_a_killed_step_run_again_gives_its_one_commit(
    settings: Settings, outside: Mapping[str, str], tmp_path: Path, event: str
) -> None:
    run = IngestedRun(settings)
    kill_after(run, "version", event)
    version = run.version()
    assert (commits(settings, tmp_path / "clone", outside), version.created) == (["housing: 4 rows"], True)


# What a record and a commit say; one kind of remote is enough.


@pytest.fixture
def folders(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def git(settings: Settings, *arguments: str) -> str:
    command = ["git", "-C", settings.git_remote_uri, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_rows_that_come_back_make_a_commit(folders: Settings) -> None:
    for run_id, data in (("r1", b"a"), ("r2", b"bb"), ("r3", b"a")):
        IngestedRun(folders, data, run_id).version()
    assert git(folders, "log", "--format=%s").splitlines() == ["housing: 1 rows", "housing: 2 rows", "housing: 1 rows"]


def test_rows_of_another_model_leave_the_revision(folders: Settings) -> None:
    first = IngestedRun(folders).version()
    IngestedRun(folders, model="penguins").version()
    assert IngestedRun(folders, run_id="r2").version().revision == first.revision


def test_unchanged_rows_make_no_commit(folders: Settings) -> None:
    for run_id in ("r1", "r2"):
        IngestedRun(folders, run_id=run_id).version()
    assert git(folders, "log", "--format=%s") == "housing: 4 rows"


def test_the_branch_is_main(folders: Settings) -> None:
    version = IngestedRun(folders).version()
    assert git(folders, "rev-parse", "HEAD", "main") == f"{version.revision}\n{version.revision}"


def test_a_branch_can_be_chosen(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, git_branch="data")
    version = IngestedRun(settings).version()
    assert git(settings, "rev-parse", "data") == version.revision


def test_a_commit_names_rows_run_and_sha256(folders: Settings) -> None:
    run = IngestedRun(folders)
    run.version()
    assert git(folders, "log", "-1", "--format=%B") == (
        f"housing: 4 rows\n\nSource: file:///source.csv\nSHA-256: {run.clean.sha256}\n\nMolino-Run: r1"
    )


def test_a_commit_has_the_author_of_the_settings(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, git_author="Ada", git_email="ada@example.org")
    IngestedRun(settings).version()
    assert git(settings, "log", "-1", "--format=%an <%ae>, %cn <%ce>") == "Ada <ada@example.org>, Ada <ada@example.org>"


def test_the_quality_report_is_beside_the_rows(folders: Settings) -> None:
    IngestedRun(folders).version()
    assert json.loads(git(folders, "show", "main:housing/quality.json")) == {"rows": 4}


def test_only_dvc_files_and_reports_are_in_git(folders: Settings) -> None:
    IngestedRun(folders).version()
    assert git(folders, "ls-tree", "-r", "--name-only", "main").splitlines() == [
        ".dvc/.gitignore", ".dvc/config", "housing/.gitignore", "housing/clean.parquet.dvc", "housing/quality.json",
    ]  # fmt: skip


def test_new_files_are_staged_by_dvc_itself(folders: Settings) -> None:
    IngestedRun(folders).version()
    assert "autostage = true" in git(folders, "show", "main:.dvc/config")


def test_the_run_of_another_commit_is_not_taken_for_its_own(folders: Settings) -> None:
    IngestedRun(folders, run_id="r10").version()
    assert not IngestedRun(folders, run_id="r1").version().created


def test_rows_go_along_when_the_dvc_remote_changes(folders: Settings, tmp_path: Path) -> None:
    IngestedRun(folders).version()
    moved = folders.model_copy(update={"dvc_remote": str(tmp_path / "elsewhere")})
    IngestedRun(moved, run_id="r2").version()
    assert [path.read_bytes() for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()] == [b"rows"]


def test_the_work_folder_is_left_empty(folders: Settings) -> None:
    IngestedRun(folders).version()
    assert [path for path in folders.work_folder.rglob("*") if path.is_file()] == []


def test_nothing_is_said_on_a_terminal_but_the_log(folders: Settings) -> None:
    """DVC shows bars and spinners on a terminal."""
    run = IngestedRun(folders)
    command = [sys.executable, "-m", "molino", "step", "version", "--model", "housing", "--run-id", "r1"]
    mother, child = os.openpty()
    with os.fdopen(mother, "rb", buffering=0) as screen:
        process = subprocess.Popen(command, env={**os.environ, **run.environment()}, stdout=child, stderr=child)
        os.close(child)
        said = b""
        with contextlib.suppress(OSError):  # how a terminal ends
            while piece := screen.read(4096):
                said += piece
        process.wait()
    shown = said.replace(RESET_COLOURS, b"").splitlines()
    assert [line for line in shown if not line.startswith(b"{")] == []


def test_altered_rows_are_refused(folders: Settings) -> None:
    run = IngestedRun(folders)
    run.store.write(run.clean.key, b"other")
    with pytest.raises(StoreError, match="was altered"):
        run.version()


def test_without_ingest_it_does_not_start(folders: Settings) -> None:
    run = IngestedRun(folders)
    run.store.delete("runs/housing/r1/ingest.json")
    with pytest.raises(StepError, match="needs the record of ingest"):
        run.version()


def test_a_push_that_the_remote_forbids_is_told_with_its_cause(folders: Settings) -> None:
    IngestedRun(folders).version()
    hook = Path(folders.git_remote_uri) / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(VersionError, match="pre-receive hook declined"):
        IngestedRun(folders, b"other", "r2").version()


def test_it_is_a_version_result(folders: Settings) -> None:
    run = IngestedRun(folders)
    assert run.version() == VersionResult(
        git_remote=folders.git_remote_uri,
        revision=git(folders, "rev-parse", "main"),
        path="housing/clean.parquet",
        md5="df347a373b8f92aa0ae3dd920a5ec2f6",
        rows=4,
        created=True,
    )
