"""The version step: the clean rows under a commit of the data repository, their bytes in the DVC remote."""

import random
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from molino.contracts.errors import RefusedDataError, VersionError
from molino.contracts.model_file import ModelFile
from molino.contracts.refusal import Refusal, refusal_key
from molino.contracts.results import Change, IngestResult, VersionResult
from training.data_repository.repository import DataRepository, cloned, link, md5_of
from training.profiles.changes import changes, read_summary
from training.step import Context, Outcome
from training.stores.opening import fetch

PATIENCE_SECONDS = 180.0
"""Longer than the lock of a push to S3 that was killed."""
PAUSE_SECONDS = 5.0
RUN_TRAILER = "Molino-Run"
REPORT_FILENAME = "quality.json"
SHOWN_CHANGES = 3
"""Differences that the message of a refusal has."""


def libraries(_model: ModelFile) -> tuple[str, ...]:
    """Return the modules that the work takes and that are slow to import."""
    return ("dvc.repo", "pygit2")


def run(context: Context) -> Outcome:
    """Version the clean rows; rows that are versioned already make no commit.

    Raises:
        VersionError: git or DVC refused, other pushes were quicker for three minutes, or the data differs from its last
            version as `quality.checks` refuse.
        StoreError: the clean rows are missing or altered.
    """
    ingest = context.result("ingest", IngestResult)
    data = fetch(context.store, ingest.clean, context.workdir / "clean.parquet")
    report = fetch(context.store, ingest.report_json, context.workdir / REPORT_FILENAME)
    path, md5 = f"{context.model.name}/clean.parquet", md5_of(data)
    with cloned(context.workdir, context.settings) as repository:
        rows = _VersionedData(data, md5, report, path)
        comparison = _compared(context, repository, rows)
        _publish(context, repository, rows)
        revision = repository.last_change(path)
        message = repository.git.run("log", "-1", "--format=%B", revision)
    result = VersionResult(
        git_remote=context.settings.git_remote_uri,
        revision=revision,
        path=path,
        md5=md5,
        rows=ingest.clean.rows or 0,
        # A killed step that is run again finds its own commit.
        created=_trailer(context) in message.splitlines(),
        compared_with=comparison.revision,
        changes=comparison.changes,
    )
    context.log.info("versioned", revision=revision, created=result.created)
    return Outcome(result=result, inputs=(ingest.clean,), metrics={"created": float(result.created)})


@dataclass(frozen=True)
class _VersionedData:
    """What is to be versioned."""

    data: Path
    md5: str
    report: Path
    path: str
    """Path of the data inside the repository."""


@dataclass(frozen=True)
class _Comparison:
    """What the data is like beside its last version."""

    revision: str | None = None
    cause: str | None = None
    """Why there is none to compare with."""
    changes: tuple[Change, ...] = ()


def _compared(context: Context, repository: DataRepository, rows: _VersionedData) -> _Comparison:
    """Compare the data with its last version, which a killed step that is run again may have made itself.

    Raises:
        VersionError: it differs as the model file refuses, which is kept with the run.
    """
    revision, last = _last_version(context, repository, rows)
    if revision is None:
        return _told(context, _Comparison(cause="it is the first version"))
    if last == rows.md5:
        return _Comparison(cause="the data is that of the last version")
    path = str(PurePosixPath(rows.path).with_name(REPORT_FILENAME))
    before = read_summary(repository.file_of(revision, path) or b"")
    now = read_summary(rows.report.read_bytes())
    if before is None or now is None:
        return _told(context, _Comparison(cause=f"the last version, {revision[:12]}, has no summary that can be read"))
    found = changes(before, now, context.model.quality.checks)
    if refused := [change for change in found if change.refused]:
        refusal = Refusal(at=datetime.now(UTC), compared_with=revision, changes=found)
        key = refusal_key(context.model.name, context.run_id)
        context.store.write(key, refusal.model_dump_json(indent=2).encode())
        told = "; ".join(map(str, refused[:SHOWN_CHANGES]))
        more = f"; and {len(refused) - SHOWN_CHANGES} more" if len(refused) > SHOWN_CHANGES else ""
        keys = ", ".join(dict.fromkeys(f"quality.checks.{change.check}" for change in refused))
        raise RefusedDataError(
            f"the data of {context.model.name} differs from its last version, {revision[:12]}: {told}{more}; mend the "
            f"source, or let it pass by {keys} of the model file"
        )
    return _told(context, _Comparison(revision=revision, changes=found))


def _told(context: Context, comparison: _Comparison) -> _Comparison:
    for change in comparison.changes:
        context.log.warning("data differs from its last version", check=change.check, change=str(change))
    if comparison.cause:
        context.log.info("nothing to compare the data with", cause=comparison.cause)
    return comparison


def _last_version(context: Context, repository: DataRepository, rows: _VersionedData) -> tuple[str | None, str | None]:
    """Return revision and hash of the last version that isn't this run's own; none where there is none."""
    if not repository.git.start_over():
        return None, None
    listed = repository.git.run("log", "-2", "--format=%H", "--", f"{rows.path}.dvc").split()
    for revision in listed:
        message = repository.git.run("log", "-1", "--format=%B", revision)
        if _trailer(context) not in message.splitlines():
            return revision, repository.md5(rows.path) if revision == listed[0] else None
    return None, None


def _publish(context: Context, repository: DataRepository, rows: _VersionedData) -> None:
    """Commit and push, on top of what others push meanwhile."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = 0.1
    while _commit(context, repository, rows):
        if repository.git.push():
            context.log.info("pushed", remote=repository.git.remote)
            return
        if time.monotonic() > deadline:
            raise VersionError(
                f"{repository.git.remote}: other pushes were quicker for {PATIENCE_SECONDS:.0f} s; run the step again"
            )
        _refuse_left_lock(context, repository)
        context.log.info("another push was quicker, trying again on top of it")
        time.sleep(random.uniform(0, pause))  # noqa: S311
        pause = min(2 * pause, PAUSE_SECONDS)
        repository.git.fetch()


def _refuse_left_lock(context: Context, repository: DataRepository) -> None:
    """Name a lock in the remote that is older than any push takes; what goes away by itself is only told."""
    left = repository.git.left_lock()
    if left and repository.git.locks_stay:
        raise VersionError(f"MOLINO_GIT_REMOTE: {left}, and run the step again")
    if left:
        context.log.warning("waiting for a lock", lock=left)


def _commit(context: Context, repository: DataRepository, rows: _VersionedData) -> bool:
    """Commit the data on top of the remote's branch; return false where it is there already."""
    git, target = repository.git, repository.folder / rows.path
    git.start_over()
    known = repository.md5(rows.path) == rows.md5
    if not repository.configure() and known:
        if not repository.holds(rows.md5):
            repository.refill(rows.data, rows.path)
            context.log.warning("bytes pushed again: the DVC remote had lost them", remote=str(repository.remote))
        return False
    link(rows.data, target)
    repository.add(rows.path)
    # The bytes go first, so that every revision that can be seen can be pulled.
    repository.push(rows.path)
    context.log.info("bytes pushed", remote=context.settings.dvc_remote_uri)
    shutil.copyfile(rows.report, target.with_name(REPORT_FILENAME))
    git.run("add", ".dvc/config", ".dvc/.gitignore", str(target.parent))
    git.run("commit", "--quiet", "--message", _message(context))
    return True


def _message(context: Context) -> str:
    ingest = context.result("ingest", IngestResult)
    return (
        f"{context.model.name}: {ingest.clean.rows} rows\n\n"
        f"Source: {ingest.source_uri}\n"
        f"SHA-256: {ingest.clean.sha256}\n\n"
        f"{_trailer(context)}\n"
    )


def _trailer(context: Context) -> str:
    return f"{RUN_TRAILER}: {context.run_id}"
