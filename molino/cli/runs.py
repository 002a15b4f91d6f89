"""`molino runs`: what was run, and one run's lineage from the source to the serving API."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from molino.contracts.record import Record
    from molino.runs import Run

app = typer.Typer()
JSON_HELP = "Print JSON instead."


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    model: Annotated[str | None, typer.Option(help="Only the runs of this model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """List the runs, the newest first; `show` gives one run's lineage.

    Example: `molino runs --model housing`
    """
    if context.invoked_subcommand is not None:
        return

    from molino.contracts.settings import load_settings
    from molino.runs import list_runs
    from training.stores.folder import open_store

    found = list_runs(open_store(load_settings()), model)
    if as_json:
        print(json.dumps([_summary(run) for run in found], indent=2))
        return
    _print_table(found)


@app.command("show")
def show(
    run_id: Annotated[str, typer.Argument(help="The run, as `molino runs` names it.")],
    model: Annotated[str | None, typer.Option(help="Its model, where two models have a run of this id.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP + " The records as the steps wrote them.")] = False,
) -> None:
    """Show one run's lineage: source, data revision, training, verdict, model version, what serves.

    Example: `molino runs show 20261123-101500-a1b2c3 --json`
    """
    from molino.contracts.settings import load_settings
    from molino.runs import find_run
    from training.stores.folder import open_store

    run = find_run(open_store(load_settings()), run_id, model)
    if as_json:
        records = {step: run.records[step].model_dump(mode="json") for step in run.done}
        print(json.dumps({**_summary(run), "records": records}, indent=2))
        return
    _print_lineage(run)


def _summary(run: "Run") -> dict[str, str | list[str] | None]:
    return {
        "model": run.model,
        "run_id": run.run_id,
        "state": run.state,
        "started": run.started.isoformat(),
        "steps": list(run.done),
        "version": run.version,
    }


def _print_table(runs: "list[Run]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("RUN", "MODEL", "STARTED", "STATE", "STEPS", "VERSION"):
        table.add_column(title, no_wrap=True)
    for run in runs:
        started = f"{run.started.astimezone():%Y-%m-%d %H:%M:%S}"
        table.add_row(run.run_id, run.model, started, run.state, f"{len(run.done)}/6", run.version or "-")
    Console().print(table)


def _print_lineage(run: "Run") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"[bold]{run.model}[/] run [bold]{run.run_id}[/]: {run.state}")
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
    console.print(table)


def lineage(record: "Record") -> list[str]:
    """Return what one step's record says, in lines for people."""
    known = _Known({key: "none" if value is None else value for key, value in record.result.items()})
    said = [line.format_map(known) for line in LINES[record.step]]
    said += record.result.get("verdict", {}).get("reasons", [])
    told = [f"{name} {value:.6g}" for name, value in record.metrics.items()]
    return [*said, *([", ".join(told)] if told else []), f"code {record.code_revision[:12]} on {record.host}"]


LINES: dict[str, tuple[str, ...]] = {
    "ingest": (
        "{source_uri} (sha256 {source_sha256})",
        "{rows_read} rows read, {rows_clean} clean, {rows_quarantined} set aside, {rows_dropped} dropped",
    ),
    "version": ("{git_remote} at {revision}", "{path} (md5 {md5}), {rows} rows"),
    "train": (
        "MLflow run {mlflow_run_id} of experiment {mlflow_experiment_id}",
        "{rows_train} rows to train on, {rows_validation} to validate, {rows_test} held out",
    ),
    "evaluate": ("best candidate: {best}, by {metric}",),
    "register": ("version {version} from candidate {candidate}", "{mlflow_model_uri}"),
    "deploy": ("version {version} in service at {endpoint}, after {previous_version}",),
}
"""What is told of each step's result (`molino.contracts.results`)."""


class _Known(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return f"({key} not recorded)"
