"""`molino predict`: a CSV in, the same CSV with predictions out, through the serving API."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from molino.cli.identifiers import checked_model


def predict(
    source: Annotated[Path, typer.Argument(help="CSV with a header that has the model's features, in any order.")],
    target: Annotated[Path, typer.Argument(help="CSV to write: the same columns, and the predictions.")],
    model: Annotated[str, typer.Option(help="Name of the served model.", callback=checked_model)],
    batch: Annotated[int, typer.Option(min=1, help="Rows per request.")] = 1000,
) -> None:
    """Predict every row of a CSV with the version that is served at `MOLINO_SERVING_URL`.

    The CSV is read as `source` of the model file says, where that is here. A row that the model can't take gets no
    prediction, its fault is named on stderr, and the exit code is 1.

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
    client = Client(settings.serving_url, settings.api_key.get_secret_value())
    done = predict_csv(client, model, source, target, batch, lambda fault: print(fault, file=sys.stderr), form)
    print(f"{done.predicted} of {done.rows} rows predicted by {model} version {done.version}: {target}")
    if done.predicted < done.rows:
        raise typer.Exit(1)
