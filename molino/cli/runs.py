"""`molino runs`: what was run, and one run's lineage from the source to the serving API."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from molino.cli.identifiers import checked_model, checked_run_id
from molino.contracts.steps import STEP_NAMES

if TYPE_CHECKING:
    from molino.contracts.record import Record
    from molino.contracts.refusal import Refusal
    from molino.contracts.run import Run, RunSummary
    from training.stores.contract import Store

app = typer.Typer()
Promoted = dict[tuple[str, str], list[str]]
"""By model and run: what persons have done with its version, in lines for people."""
JSON_HELP = "Print JSON instead."


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    model: Annotated[str | None, typer.Option(help="Only the runs of this model.", callback=checked_model)] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """List the runs, the newest first; `show` gives one run's lineage.

    Example: `molino runs --model housing`
    """
    if context.invoked_subcommand is not None:
        return

    from molino.contracts.settings import load_settings
    from molino.logs import configure_logs
    from molino.runs import list_runs
    from training.stores.opening import open_store

    configure_logs()
    store = open_store(load_settings())
    found, promoted = list_runs(store, model), _promoted(store, model)
    if as_json:
        print(json.dumps([_summary(run, promoted) for run in found], indent=2))
        return
    _print_table(found, promoted)


@app.command("show")
def show(
    run_id: Annotated[str, typer.Argument(help="The run, as `molino runs` names it.", callback=checked_run_id)],
    model: Annotated[
        str | None,
        typer.Option(help="Its model, where two models have a run of this id.", callback=checked_model),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP + " The records as the steps wrote them.")] = False,
) -> None:
    """Show one run's lineage: source, data revision, training, verdict, model version, what serves.

    Example: `molino runs show 20261123-101500-a1b2c3 --json`
    """
    from molino.contracts.settings import load_settings
    from molino.logs import configure_logs
    from molino.runs import find_run
    from training.run_notes import read_refusal
    from training.stores.opening import open_store

    configure_logs()
    store = open_store(load_settings())
    run = find_run(store, run_id, model)
    promoted = _promoted(store, run.model)
    refusal = read_refusal(store, run)
    if as_json:
        records = {step: run.records[step].model_dump(mode="json") for step in run.done}
        told = {"refusal": refusal.model_dump(mode="json")} if refusal else {}
        print(json.dumps({**_summary(run.summary, promoted), **told, "records": records}, indent=2))
        return
    _print_lineage(run, refusal, promoted.get((run.model, run.run_id), []))


def _promoted(store: "Store", model: str | None) -> Promoted:
    """Return what persons have done with the version of each run, the newest first."""
    from training.deploy.promotion import list_promotions

    found: Promoted = {}
    for promotion in list_promotions(store, model):
        found.setdefault((promotion.model, promotion.run_id), []).append(promotion.told)
    return found


def _summary(run: "RunSummary", promoted: Promoted) -> dict[str, str | list[str] | None]:
    return {
        "model": run.model,
        "run_id": run.run_id,
        "state": run.state,
        "started": run.started.isoformat(),
        "steps": list(run.done),
        "version": run.version,
        "promotions": promoted.get((run.model, run.run_id), []),
    }


def _print_table(runs: "list[RunSummary]", promoted: Promoted) -> None:
    from rich.table import Table

    from molino.cli.console import console

    table = Table(box=None, pad_edge=False)
    for title in ("RUN", "MODEL", "STARTED", "STATE", "STEPS", "VERSION"):
        table.add_column(title, no_wrap=True)
    if promoted:
        table.add_column("BY HAND", overflow="fold")
    for run in runs:
        started = f"{run.started.astimezone():%Y-%m-%d %H:%M:%S}"
        told = ["; ".join(promoted.get((run.model, run.run_id), [])) or "-"] if promoted else []
        table.add_row(
            run.run_id, run.model, started, run.state, f"{len(run.done)}/{len(STEP_NAMES)}", run.version or "-", *told
        )
    console().print(table)


def _print_lineage(run: "Run", refusal: "Refusal | None", promoted: list[str]) -> None:
    from rich.table import Table

    from molino.cli.console import console

    out = console()
    out.print(f"[bold]{run.model}[/] run [bold]{run.run_id}[/]: {run.state}", markup=True)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for step in run.done:
        record = run.records[step]
        first, *rest = lineage(record)
        table.add_row(step, f"{record.seconds:.1f} s", first)
        for line in rest:
            table.add_row("", "", line)
    for line in refusal.told if refusal else ():
        table.add_row("version", "", line)
    for told in promoted:
        table.add_row("by hand", "", told)
    for step, cause in run.unread.items():
        table.add_row(step, "", f"its record can't be read: {cause}")
    out.print(table)


def lineage(record: "Record") -> list[str]:
    """Return what one step's record says, in lines for people."""
    from molino.contracts.results import result_class

    said = result_class(record.step).tell(record.result)
    told = [f"{name} {value:.6g}" for name, value in record.metrics.items()]
    return [*said, *([", ".join(told)] if told else []), f"code {record.code_revision[:12]} on {record.host}"]
