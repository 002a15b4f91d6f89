"""`molino promote`, `rollback` and `promotions`: a person says which version serves, and it is on record."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from molino.cli.identifiers import checked_model, checked_version, checked_words

if TYPE_CHECKING:
    from molino.contracts.promotion import Promotion
    from molino.contracts.settings import Settings

Model = Annotated[str, typer.Argument(help="Name of the model.", callback=checked_model)]
By = Annotated[
    str | None, typer.Option(help="Who does it; the user of this system where not given.", callback=checked_words)
]
Reason = Annotated[str | None, typer.Option(help="Why, for the record.", callback=checked_words)]


def promote(
    model: Model,
    version: Annotated[
        str, typer.Argument(help="A version that MLflow's registry has, such as 3.", callback=checked_version)
    ],
    by: By = None,
    reason: Reason = None,
) -> None:
    """Put a registered version in service; where it can't answer as it must, what served before is back.

    Example: `molino promote housing 3 --reason "version 4 is too low for flats by the river"`
    """
    from molino.contracts.settings import load_settings
    from molino.logs import configure_logs
    from training.deploy.promotion import current_user
    from training.deploy.promotion import promote as put_in_service

    configure_logs()
    settings = load_settings()
    _tell(put_in_service(settings, model, version, by or current_user(), reason), settings)


def rollback(model: Model, by: By = None, reason: Reason = None) -> None:
    """Put the version back in service that served before the present one.

    Example: `molino rollback housing --reason "wrong prices"`
    """
    from molino.contracts.settings import load_settings
    from molino.logs import configure_logs
    from training.deploy.promotion import current_user
    from training.deploy.promotion import rollback as put_back

    configure_logs()
    settings = load_settings()
    _tell(put_back(settings, model, by or current_user(), reason), settings)


def promotions(
    model: Annotated[str | None, typer.Option(help="Only those of this model.", callback=checked_model)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """List who put which version in service, when and why, the newest first.

    Example: `molino promotions --model housing`
    """
    from rich.table import Table

    from molino.cli.console import console
    from molino.contracts.settings import load_settings
    from molino.contracts.tidy import in_a_line
    from molino.logs import configure_logs
    from training.deploy.promotion import list_promotions
    from training.stores.opening import open_store

    configure_logs()
    found = list_promotions(open_store(load_settings()), model)
    if as_json:
        print(json.dumps([promotion.model_dump(mode="json") for promotion in found], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("MODEL", "WHEN", "WHAT", "VERSION", "BEFORE", "BY", "WHY"):
        table.add_column(title, no_wrap=title != "WHY", overflow="fold")
    for one in found:
        when = f"{one.ended.astimezone():%Y-%m-%d %H:%M:%S}"
        by, why = in_a_line(one.by), in_a_line(one.reason or "-")
        table.add_row(one.model, when, one.action, one.version, one.previous_version or "-", by, why)
    console().print(table)


def _tell(promotion: "Promotion", settings: "Settings") -> None:
    """Say what serves; to whoever reads a pod's end, too."""
    if settings.summary:
        settings.summary.write_text(json.dumps({"status": "done", "version": promotion.version}))
    before = f"version {promotion.previous_version}" if promotion.previous_version else "no version"
    print(f"{promotion.model} version {promotion.version} is in service, after {before}")
