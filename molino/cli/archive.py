"""`molino archive`: base backups of a Postgres and its write-ahead log since, for point-in-time recovery."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="Archive a Postgres' write-ahead log, for point-in-time recovery. `MOLINO_BACKUP_STORE` says where.",
)
Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False)]


@app.command("ship")
def ship(
    folder: Folder,
    alive: Annotated[Path | None, typer.Option(help="File that is touched as long as it works, for a probe.")] = None,
) -> None:
    """Put the files that Postgres' `archive_command` lays into a folder in the archive, and remove each once safe.

    It goes on until it is stopped. `archive_command` copies a file under another name, renames it to
    `<system identifier>.<name>`, and waits until it is gone: what Postgres calls archived is then in the store.

    Example: `MOLINO_BACKUP_STORE=s3://backups/molino molino archive ship /archive`
    """
    import signal
    import threading

    import structlog

    from molino.backup.archive import open_archive
    from molino.backup.settings import BackupSettings
    from molino.contracts.settings import load_settings, read_environment
    from molino.logs import configure_logs

    configure_logs()
    log = structlog.get_logger()
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    with open_archive(load_settings(), read_environment(BackupSettings)) as archive:
        for name, error in archive.ship(folder, stop, alive):
            if error is None:
                log.info("archived", file=name)
            else:
                log.warning("not archived, tried again", file=name, error=str(error))


@app.command("base")
def base(
    folder: Folder,
    keep: Annotated[int, typer.Option(min=1, help="Remove all but so many, and the log that none needs.")] = 7,
) -> None:
    """Put a base backup from where `pg_basebackup --format tar --gzip --wal-method none` has written it.

    Beside it lies `system_identifier`, with what `pg_control_system()` says of it.

    Example: `molino archive base /dumps/base --keep 7`
    """
    from molino.backup.archive import open_archive
    from molino.backup.settings import BackupSettings
    from molino.contracts.settings import load_settings, read_environment
    from molino.logs import configure_logs

    configure_logs()
    with open_archive(load_settings(), read_environment(BackupSettings)) as archive:
        made = archive.put_base(folder)
        gone = archive.thin(keep)
    print(
        f"base backup {made.id}: {made.manifest.bytes} bytes; {len(gone)} segments of the log needed no more, removed"
    )


@app.command("list")
def list_bases() -> None:
    """List the base backups, the newest first, and how far the write-ahead log goes.

    Example: `molino archive list`
    """
    from molino.backup.archive import LOG, SEGMENT, number_of, open_archive
    from molino.backup.settings import BackupSettings
    from molino.contracts.settings import load_settings, read_environment
    from molino.logs import configure_logs

    configure_logs()
    with open_archive(load_settings(), read_environment(BackupSettings)) as archive:
        for one in archive.bases():
            since = sum(number_of(name) >= one.start for name in archive.log(one.system) if SEGMENT.fullmatch(name))
            print(
                f"{one.id}  of Postgres {one.system}, made {one.made:%Y-%m-%d %H:%M:%S} UTC, "
                f"{one.manifest.bytes} bytes, {since} segments since"
            )
        written = archive.store.written(LOG)
    if written:
        print(f"the log goes on until {max(written.values()):%Y-%m-%d %H:%M:%S} UTC")


@app.command("fetch")
def fetch(
    target: Annotated[Path, typer.Argument(file_okay=False, help="Folder for `pgdata` and `wal`.")],
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S%z"], help="As of which moment, as 2026-11-28T10:00:00Z; the latest else."
        ),
    ] = None,
) -> None:
    """Write the newest base backup before a moment and all of the log since, for Postgres to recover from.

    Nothing is done where `pgdata` is there already.

    Example: `molino archive fetch /data --until 2026-11-28T10:00:00Z`
    """
    from molino.backup.archive import open_archive
    from molino.backup.settings import BackupSettings
    from molino.contracts.settings import load_settings, read_environment
    from molino.logs import configure_logs

    configure_logs()
    cluster = target / "pgdata"
    if cluster.exists():
        print(f"{cluster} is there already: nothing is fetched")
        return
    with open_archive(load_settings(), read_environment(BackupSettings)) as archive:
        found = archive.fetch(until, target / "pgdata.fetched", target / "wal")
    print(f"base backup {found.id}, and the log since")
