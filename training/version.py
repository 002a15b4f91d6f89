"""The version step: the clean rows under a commit of the data repository, their bytes in the DVC remote."""

import os
import shutil
from pathlib import Path

from molino.errors import VersionError
from molino.results import IngestResult, VersionResult
from training.data_versions import DataRepository
from training.step import Context, Outcome
from training.store import fetch

ATTEMPTS = 20
RUN_TRAILER = "Molino-Run"


def run(context: Context) -> Outcome:
    """Version the clean rows; rows that are versioned already make no commit.

    Raises:
        VersionError: git or DVC refused, or other pushes were quicker twenty times.
        StoreError: the clean rows are missing or altered.
    """
    ingest = context.result("ingest", IngestResult)
    data = fetch(context.store, ingest.clean, context.workdir / "clean.parquet")
    report = fetch(context.store, ingest.report_json, context.workdir / "quality.json")
    repository = DataRepository(context.workdir / "repository", context.settings)
    repository.clone()
    path = f"{context.model.name}/clean.parquet"
    for attempt in range(1, ATTEMPTS + 1):
        if _commit(repository, context, data, report, path) and not repository.git.push():
            context.log.info("push was rejected, trying again on top of the other", attempt=attempt)
            continue
        return _outcome(context, repository, ingest, path)
    raise VersionError(f"{context.settings.git_remote_uri}: {ATTEMPTS} pushes were rejected; run the step again")


def _commit(repository: DataRepository, context: Context, data: Path, report: Path, path: str) -> bool:
    """Commit the data on top of the remote's branch; return false where it is there already."""
    exists = repository.git.start_over()
    before = repository.md5(path) if exists else None
    repository.initialise()
    target = repository.folder / path
    _place(data, target)
    repository.add(path)
    if repository.md5(path) == before:
        return False
    # The bytes go first, so that every revision that can be seen can be pulled.
    repository.push(path)
    shutil.copyfile(report, target.parent / "quality.json")
    repository.git.run("add", str(Path(path).parent))
    repository.git.run("commit", "--quiet", "--message", _message(context))
    return True


def _place(data: Path, target: Path) -> None:
    """Link the data into the work tree; DVC keeps cached files read-only, so never the same file twice."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(data, target)
    except OSError:
        shutil.copyfile(data, target)


def _message(context: Context) -> str:
    clean = context.result("ingest", IngestResult).clean
    return (
        f"{context.model.name}: {clean.rows} rows\n\n"
        f"Source: {context.result('ingest', IngestResult).source_uri}\n"
        f"SHA-256: {clean.sha256}\n\n"
        f"{RUN_TRAILER}: {context.run_id}\n"
    )


def _outcome(context: Context, repository: DataRepository, ingest: IngestResult, path: str) -> Outcome:
    revision = repository.last_change(path)
    message = repository.git.run("log", "-1", "--format=%B", revision)
    md5 = repository.md5(path)
    if md5 is None:
        raise VersionError(f"{path} is not in {context.settings.git_remote_uri} after the push: run the step again")
    result = VersionResult(
        git_remote=context.settings.git_remote_uri,
        revision=revision,
        path=path,
        md5=md5,
        rows=ingest.clean.rows or 0,
        # A killed step that is run again finds its own commit.
        created=f"{RUN_TRAILER}: {context.run_id}" in message,
    )
    return Outcome(result=result, inputs=(ingest.clean,), metrics={"created": float(result.created)})
