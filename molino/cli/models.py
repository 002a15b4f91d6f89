"""`molino models`: the model files, and what is served of them."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from molino.contracts.settings import Settings


def models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False) -> None:
    """List the model files, and the version of each that is served.

    Example: `MOLINO_SERVING_URL=http://127.0.0.1:8001 molino models`
    """
    from molino.contracts.settings import load_settings

    settings = load_settings()
    served = _served_versions(settings)
    rows = _rows(settings, served)
    _add_promotions(settings, rows)
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    _print_table(rows)


def _served_versions(settings: "Settings") -> dict[str, str]:
    """Return model name to served version; empty, with a word about it, where no server answers."""
    from molino.client import Client, ClientError

    try:
        return Client(settings.serving_url, settings.api_key.get_secret_value()).served()
    except ClientError as error:
        print(f"molino: served versions are not known: {error}", file=sys.stderr)
        return {}


def _rows(settings: "Settings", served: dict[str, str]) -> list[dict[str, Any]]:
    """Return one row per model file, and per model that is served without one here."""
    from molino.contracts.errors import ModelFileError
    from molino.contracts.model_file import find_models, load_model

    rows: list[dict[str, Any]] = []
    for name, path in find_models(settings.models).items():
        row = {"name": name, "file": str(path), "task": None, "title": None, "fault": None, "served": served.get(name)}
        try:
            file = load_model(path).file
        except ModelFileError as error:
            row["fault"] = str(error)
        else:
            row.update(task=file.task, title=file.title)
        rows.append(row)
    known = {row["name"] for row in rows}
    rows += [
        {"name": name, "file": None, "task": None, "title": None, "fault": None, "served": version}
        for name, version in served.items()
        if name not in known
    ]
    return rows


def _add_promotions(settings: "Settings", rows: list[dict[str, Any]]) -> None:
    """Add to each row the promotion by which a person has put in service what is served, or none."""
    from molino.contracts.errors import MolinoError
    from training.deploy.promotion import last_promotion
    from training.stores.opening import open_store

    for row in rows:
        row["promotion"] = None
    try:
        store = open_store(settings)
        for row in rows:
            last = last_promotion(store, row["name"]) if row["served"] else None
            if last and last.version == row["served"]:
                row["promotion"] = last.told
    except MolinoError as error:
        print(f"molino: who promoted what is not known: {error}", file=sys.stderr)


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from molino.cli.console import console

    table = Table(box=None, pad_edge=False)
    for title in ("MODEL", "TASK", "SERVED", "FILE", "TITLE"):
        table.add_column(title, no_wrap=title != "TITLE", overflow="fold")
    for row in rows:
        told = row["fault"] or row["title"] or "-"
        told = f"{told} ({row['promotion']})" if row["promotion"] else told
        table.add_row(row["name"], row["task"] or "-", row["served"] or "-", row["file"] or "-", told)
    console().print(table)
