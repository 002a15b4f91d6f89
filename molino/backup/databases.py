"""Dumps of databases: each one consistent by itself, SQLite's by its backup, Postgres' by `pg_dump`."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from molino.backup.settings import BackupSettings
from molino.contracts.address import Address
from molino.contracts.errors import BackupError
from molino.contracts.settings import Settings

SQLITE_DUMP, POSTGRES_DUMP = ".sqlite", ".dump"
TRACKING = "mlflow"
"""Name of the database that the settings' tracking URI is."""
RELOCATED = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "model_versions": ("source", "storage_location"),
    "logged_models": ("artifact_location",),
}
"""Where MLflow's database keeps addresses of artifacts: columns by table."""
USER_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"


def dump_all(settings: Settings, backup: BackupSettings, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each database's file name in a set, and its dump in a folder.

    Raises:
        BackupError: one can't be read.
    """
    file = settings.tracking_file
    if file is not None and file.is_file():
        path = folder / f"{TRACKING}{SQLITE_DUMP}"
        copy_sqlite(file, path)
        yield path.name, path
    for name, address in backup.databases.items():
        path = folder / f"{name}{POSTGRES_DUMP}"
        _postgres("pg_dump", name, address, "--format=custom", "--no-owner", "--no-privileges", f"--file={path}")
        yield path.name, path
    if backup.dumps is not None:
        found = sorted(backup.dumps.glob(f"*{POSTGRES_DUMP}"))
        if not found:
            raise BackupError(f"MOLINO_BACKUP_DUMPS: there is no dump in {backup.dumps}; pg_dump is to make them first")
        for made in found:
            path = folder / made.name
            shutil.copyfile(made, path)
            yield path.name, path


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database as it is between two of its transactions, others may write meanwhile.

    Raises:
        BackupError: it is damaged, or no database.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as read,
            closing(sqlite3.connect(target)) as written,
        ):
            read.backup(written)
    except sqlite3.Error as error:
        raise BackupError(f"{source}: {error}; check the database and its disk") from error


def restore_dump(settings: Settings, backup: BackupSettings, dump: Path, moved: tuple[str, str] | None) -> str | None:
    """Restore a dump to where its database is, and say where that was.

    Args:
        settings: lead to SQLite's file.
        backup: leads to the databases of Postgres, or to the folder for their dumps.
        dump: the file, of the name that it has in the set.
        moved: what MLflow's addresses of artifacts began with, and what they are to begin with; none to leave them.

    Returns:
        What was done; none where the settings have no database of the name.

    Raises:
        BackupError: Postgres refuses.
    """
    name = dump.stem
    if dump.suffix == SQLITE_DUMP:
        file = settings.tracking_file
        if file is None or name != TRACKING:
            return None
        if moved:
            try:
                _relocate(dump, *moved)
            except sqlite3.Error as error:
                raise BackupError(f"database {name}: {error}; check the disk, or take another set") from error
        part = file.with_name(f"{file.name}.part")
        try:
            copy_sqlite(dump, part)
            for end in ("-wal", "-shm", "-journal"):
                file.with_name(file.name + end).unlink(missing_ok=True)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        return f"database {name} in {file}"
    if address := backup.databases.get(name):
        options = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
        _postgres("pg_restore", name, address, *options, "--dbname=" + _database(address), str(dump))
        return f"database {name} in {address}"
    if backup.dumps is not None:
        backup.dumps.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(dump, backup.dumps / dump.name)
        return f"dump of the database {name} in {backup.dumps / dump.name}, for pg_restore"
    return None


def filled(settings: Settings, backup: BackupSettings) -> Iterator[str]:
    """Yield the databases that hold something already, as they are named to people."""
    file = settings.tracking_file
    if file is not None and file.is_file() and file.stat().st_size:
        yield str(file)
    for name, address in backup.databases.items():
        command = f"--command={USER_TABLES}"
        said = _postgres("psql", name, address, "--no-psqlrc", "--tuples-only", "--no-align", command)
        if said.strip() != "0":
            yield f"the database {name} in {address}"


def _relocate(dump: Path, before: str, after: str) -> None:
    """Have MLflow's database look for artifacts where they are now."""
    with closing(sqlite3.connect(dump)) as database, database:
        for table, columns in RELOCATED.items():
            there = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
            for column in there.intersection(columns):
                database.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608  # names of ours
                    f"WHERE substr({column}, 1, ?) = ? AND substr({column}, ?, 1) IN ('', '/')",
                    (after, len(before) + 1, len(before), before, len(before) + 1),
                )


def _postgres(program: str, name: str, address: Address, *arguments: str) -> str:
    """Run a program of Postgres' client; the password is in its environment alone."""
    parts = urlsplit(address.secret)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    given = {
        "PGHOST": query.get("host", parts.hostname or ""),
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": _database(address),
        "PGSSLMODE": query.get("sslmode", ""),
        "PGSSLROOTCERT": query.get("sslrootcert", ""),
    }
    environment = {**os.environ, **{key: value for key, value in given.items() if value}, "PGCONNECT_TIMEOUT": "10"}
    try:
        done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise BackupError(
            f"{program} is not found: install it (on Debian and Ubuntu: apt-get install postgresql-client)"
        ) from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        told = next((line for line in lines if "error" in line.lower()), lines[0])
        raise BackupError(f"database {name} ({address}): {address.hide_in(told)}; check MOLINO_BACKUP_DATABASES")
    return done.stdout


def _database(address: Address) -> str:
    return unquote(urlsplit(address.secret).path.strip("/"))
