"""`molino backup`: databases, objects, data repository and pointers as one named set, and the way back."""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from molino.backup.manifest import Manifest

app = typer.Typer(
    no_args_is_help=True,
    help="Make, list, verify and restore backups. `MOLINO_BACKUP_STORE` says where they are.",
)
UNSIGNED = "Trust a manifest that has no HMAC, or that of another key."
Set = Annotated[str, typer.Argument(metavar="[SET]", help="Id of the set, as `list` tells it; the newest else.")]


@app.command("create")
def create(
    keep: Annotated[int | None, typer.Option(min=1, help="Remove all but so many of the newest sets.")] = None,
    max_age: Annotated[
        float | None, typer.Option(min=0, max=36_500, help="Remove sets that are older, in days; never the new one.")
    ] = None,
    all_hours: Annotated[
        float | None, typer.Option(min=0, max=876_000, help="Thin out: all sets stay that are younger, in hours.")
    ] = None,
    daily: Annotated[int, typer.Option(min=0, help="Of those that are older, the last of each of so many days.")] = 30,
    weekly: Annotated[int, typer.Option(min=0, help="And the last of each of so many weeks.")] = 12,
) -> None:
    """Back up databases, objects, data repository and what is in service, as one set.

    Bytes that an earlier set has aren't copied again. Runs may go on meanwhile.

    Example: `MOLINO_BACKUP_STORE=s3://backups/molino molino backup create --all-hours 24 --daily 30 --weekly 12`
    """
    from molino.backup.create import Retention, Thinning
    from molino.backup.create import create as make
    from molino.backup.settings import BackupSettings
    from molino.contracts.settings import load_settings, read_environment
    from molino.logs import configure_logs

    configure_logs()
    thinning = None if all_hours is None else Thinning(timedelta(hours=all_hours), daily, weekly)
    age = None if max_age is None else timedelta(days=max_age)
    made = make(load_settings(), read_environment(BackupSettings), Retention(keep, age, thinning))
    for place, count in made.manifest.counts.items():
        print(f"{place}: {count.files} files, {count.bytes} bytes")
    for line in made.manifest.left_out:
        print(f"left out: {line}")
    if made.not_swept:
        print(f"nothing that no set needs was removed: {made.not_swept}")
    for set_id in made.removed:
        print(f"removed: set {set_id}")
    print(
        f"set {made.manifest.id}: {len(made.manifest.files)} files, {made.manifest.bytes} bytes, of which "
        f"{made.new_files} files, {made.new_bytes} bytes weren't in earlier sets"
    )


@app.command("list")
def list_sets(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False) -> None:
    """List the sets, the newest first; the exit code is 1 where one is damaged, which is named after the others.

    Example: `molino backup list --json`
    """
    from molino.backup.opening import open_vault
    from molino.backup.settings import BackupSettings
    from molino.contracts.errors import BackupError
    from molino.contracts.settings import load_settings, read_environment
    from molino.logs import configure_logs

    configure_logs()
    found, damaged = [], []
    with open_vault(load_settings(), read_environment(BackupSettings)) as vault:
        for set_id in vault.ids():
            try:
                found.append(vault.read(set_id))
            except BackupError as error:
                damaged.append(str(error))
    if as_json:
        print(json.dumps([one.model_dump(mode="json", exclude={"files"}) for one in found], indent=2))
    else:
        _print(found)
    if damaged:
        raise BackupError("; ".join(damaged))


def _print(found: "list[Manifest]") -> None:
    from rich.table import Table

    from molino.cli.console import console

    table = Table(box=None, pad_edge=False)
    for title in ("SET", "MADE", "FILES", "BYTES", "KEY"):
        table.add_column(title, no_wrap=True)
    for one in found:
        made = f"{one.created.astimezone():%Y-%m-%d %H:%M:%S}"
        table.add_row(one.id, made, str(len(one.files)), str(one.bytes), one.key_id or "-")
    console().print(table)


@app.command("verify")
def verify(
    set_id: Set = "newest",
    unsigned: Annotated[bool, typer.Option("--unsigned", help=UNSIGNED)] = False,
) -> None:
    """Read all of a set and compare it with its manifest; the exit code is 1 where a byte differs.

    Example: `molino backup verify 20261127-183000-a1b2c3`
    """
    from molino.backup.opening import open_vault
    from molino.backup.restore import chosen
    from molino.backup.settings import BackupSettings
    from molino.backup.verify import verify as read_all
    from molino.contracts.settings import load_settings, read_environment
    from molino.logs import configure_logs

    configure_logs()
    with open_vault(load_settings(), read_environment(BackupSettings)) as vault:
        manifest = read_all(vault, chosen(vault, set_id), unsigned)
    print(f"set {manifest.id}: all {len(manifest.files)} files are what its manifest says")


@app.command("restore")
def restore(
    set_id: Set = "newest",
    over: Annotated[bool, typer.Option("--over", help="Write over what is there.")] = False,
    unsigned: Annotated[bool, typer.Option("--unsigned", help=UNSIGNED)] = False,
) -> None:
    """Verify a set and put all of it where the settings lead, which must be empty.

    Stop `molino run` before; in a cluster, Airflow and MLflow.

    Example: `MOLINO_HOME=restored molino backup restore 20261127-183000-a1b2c3`
    """
    from molino.backup.restore import restore as put_back
    from molino.backup.settings import BackupSettings
    from molino.contracts.settings import load_settings, read_environment
    from molino.logs import configure_logs

    configure_logs()
    for line in put_back(load_settings(), read_environment(BackupSettings), set_id, over, unsigned):
        print(line, flush=True)
