"""`molino init`: a model file from a table."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from molino.cli.identifiers import checked_model


def init(
    tables: Annotated[
        list[str],
        typer.Argument(
            metavar="TABLE...",
            help="CSV or Parquet: a path, folder or pattern, s3://… or http(s)://…; several are one.",
        ),
    ],
    target: Annotated[str, typer.Option(help="The column to predict, as the header has it.")],
    name: Annotated[
        str | None, typer.Option(help="Of the model; the table's where not given.", callback=checked_model)
    ] = None,
    path: Annotated[
        Path | None, typer.Option(help="Model file, or its folder; that of the model in `MOLINO_MODELS` else.")
    ] = None,
    task: Annotated[
        Literal["regression", "classification"] | None, typer.Option(help="What fits the column where not given.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(help="What is read from a database, whose SQLAlchemy URL the table is then.")
    ] = None,
    headerless: Annotated[
        bool, typer.Option("--no-header", help="The first row is no header: name the target by its position.")
    ] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Show what differs from the file that is there.")] = False,
) -> None:
    """Write the model file of a table: its types, ranges, categories, and what a model must reach.

    The whole table is read, as ingest reads it, and the file is tried on all of its rows. A file that is there is never
    written over.

    Example: `molino init flats.csv --target rent`
    """
    from molino.contracts.settings import load_settings
    from molino.init.command import Wanted, model_file_of
    from molino.logs import configure_logs

    configure_logs()
    settings = load_settings()
    made = model_file_of(Wanted(tables[0], target, name, path, task, headerless, query, tuple(tables[1:])), settings)
    if edit:
        print(made.differences() or f"{made.path} is what the table gives.", end="")
        return
    made.write()
    print(f"{made.path}: {made.features} features, {made.left_out} columns left out; read it, and change what you know")
    print(f"{made.path}: training will stop: {made.doubt}" if made.doubt else f"next: make run MODEL={made.name}")
