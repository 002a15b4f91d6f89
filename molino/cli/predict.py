"""`molino predict`: a table in, the same table with predictions out, through the serving API."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from molino.cli.identifiers import checked_model


def predict(
    source: Annotated[
        Path,
        typer.Argument(help="CSV or Parquet, plain or gzip, that has the model's features, in any order; - is stdin."),
    ],
    target: Annotated[Path, typer.Argument(help="File to write: a CSV, or as .gz or .parquet says; - is stdout.")],
    model: Annotated[str, typer.Option(help="Name of the served model.", callback=checked_model)],
    batch: Annotated[int, typer.Option(min=1, help="Rows per request.")] = 1000,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Add the ends of prediction intervals, which the model must have.")
    ] = False,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for a server that restarts or says later.")
    ] = 120.0,
) -> None:
    """Predict every row of a table with the version that is served at `MOLINO_SERVING_URL`.

    The table is read as ingest reads a source, by `source` of the model file where that is here; it has the features'
    names or the source's headers. A row that the model can't take gets no prediction, its fault is named on stderr, and
    the exit code is 1. The target is written whole, or stays as it was.

    Example: `molino predict houses.csv predicted.csv --model housing`
    """
    from molino.client import Client
    from molino.contracts.model_file import find_models
    from molino.contracts.model_file.named import load_named_model
    from molino.contracts.settings import load_settings
    from molino.predict_csv import PLAIN, predict_csv

    settings = load_settings()
    here = model in find_models(settings.models)
    form = load_named_model(settings, model).file.source if here else PLAIN
    client = Client(settings.serving_url, settings.api_key.get_secret_value(), patience, _tell)
    with _bar() as progress:
        done = predict_csv(client, model, source, target, batch, _tell, form, progress, intervals)
    said = f"{done.predicted} of {done.rows} rows predicted by {model} version {done.version}: {target}"
    print(said, file=sys.stderr if str(target) == "-" else sys.stdout)
    if done.predicted < done.rows:
        raise typer.Exit(1)


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


@contextmanager
def _bar() -> Iterator[Callable[[int, int, int], None] | None]:
    """Show on a terminal how far the table is read; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("predicting", total=None)
        yield lambda rows, done, total: shown.update(
            task, completed=min(done, total), total=total, description=f"{rows} rows predicted"
        )
