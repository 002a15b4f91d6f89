"""The `molino` command. Each subcommand imports what it needs when it runs, so that `--help` is quick."""

import os
import sys
from typing import Annotated

import typer

from molino import __version__
from molino.cli import (
    archive,
    backup,
    doctor,
    init,
    metrics,
    models,
    notice,
    predict,
    promote,
    prune,
    run,
    runs,
    secrets,
    serve,
    step,
)
from molino.contracts.errors import MolinoError

LOOPBACK = ("127.0.0.1", "localhost", "::1")

app = typer.Typer(
    name="molino",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("init")(init.init)
app.command("run")(run.run)
app.command("step")(step.step)
app.command("serve")(serve.serve)
app.command("models")(models.models)
app.add_typer(runs.app, name="runs")
app.add_typer(secrets.app, name="secrets")
app.command("metrics")(metrics.metrics)
app.command("notice")(notice.notice)
app.command("promote")(promote.promote)
app.command("rollback")(promote.rollback)
app.command("promotions")(promote.promotions)
app.command("prune")(prune.prune)
app.command("predict")(predict.predict)
app.add_typer(backup.app, name="backup")
app.add_typer(archive.app, name="archive")
app.command("doctor")(doctor.doctor)


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(f"molino {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version, and end.")
    ] = False,
) -> None:
    """Raw data in, predictions out: run the pipeline, serve its models, and look at what was done."""


def main() -> None:
    """Run the command: exit 1, or 3, with one clear line where a cause is known, a traceback only for a bug."""
    _ask_this_machine_directly()
    try:
        app()
    except MolinoError as error:
        from molino.logs import tell_end

        tell_end("molino", error)
        sys.exit(error.exit_code)


def _ask_this_machine_directly() -> None:
    """Keep proxies of the environment from what listens on this machine, here and in all that is started."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = [name.strip() for name in given.split(",") if name.strip()]
    if any(name.lower().endswith("_proxy") for name in os.environ) and "*" not in names:
        names += [name for name in LOOPBACK if name not in names]
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(names)
