"""`molino prune`: what nothing needs any more goes, by age and count."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from molino.prune.plan import Name, Plan


def prune(
    yes: Annotated[bool, typer.Option("--yes", "--apply", help="Delete; without it, only say what would go.")] = False,
    days: Annotated[float, typer.Option(min=0, max=36_500, help="What changed in the last so many days stays.")] = 90,
    runs: Annotated[int, typer.Option(min=1, help="The last so many runs of each model stay.")] = 20,
    releases: Annotated[
        int, typer.Option(min=10, help="The last so many releases of each model stay; the gate compares with 10.")
    ] = 10,
    safety_hours: Annotated[
        float,
        typer.Option(min=0, max=876_000, help="What changed in the last so many hours stays: a run may be going on."),
    ] = 24,
    served: Annotated[
        bool, typer.Option("--served", help="Let releases go too that have been in service before.")
    ] = False,
    revision_days: Annotated[
        float | None,
        typer.Option(
            min=0, max=36_500, help="Data stays so many days after another revision took its place; else for ever."
        ),
    ] = None,
    revisions: Annotated[
        Path | None, typer.Option(help="File that tells what the data repository names, where there is no git.")
    ] = None,
    write_revisions: Annotated[Path | None, typer.Option(help="Write that file, and do nothing else.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead, with why all else stays.")] = False,
) -> None:
    """Say which old runs, releases, MLflow runs and data versions nothing needs any more; with `--yes`, delete them.

    What is in service, has an alias or is named by a promotion stays, so do the last runs and releases of each model,
    all that anything that stays refers to, and data that a revision of the data repository names. Right before it is
    deleted all is read again: what a run that has begun meanwhile refers to stays.

    Example: `molino prune --days 30 --runs 50`
    """
    from datetime import UTC, datetime

    from molino.contracts.settings import load_settings
    from molino.logs import configure_logs
    from molino.prune.inventory import open_inventory
    from molino.prune.plan import Plan, Policy, decide
    from molino.prune.removal import Removal
    from molino.prune.revisions import Revisions

    configure_logs()
    settings = load_settings()
    if write_revisions:
        Revisions(settings).write(write_revisions)
        return
    policy = Policy(days, runs, releases, safety_hours, served, revision_days)
    inventory = open_inventory(settings, revisions)

    def look() -> Plan:
        return decide(inventory.things(), policy, datetime.now(UTC))

    plan = look()
    if yes:
        plan = plan.without(Removal(inventory, plan, look).apply())
    if as_json:
        told = {"deleted": yes, "going": _by_name(plan.going), "kept": _by_name(plan.kept)}
        print(json.dumps(told, indent=2))
        return
    _print(plan, yes)


def _by_name(reasons: "Mapping[Name, str]") -> list[dict[str, str]]:
    return [{**name._asdict(), "why": why} for name, why in sorted(reasons.items())]


def _print(plan: "Plan", deleted: bool) -> None:
    for name, why in sorted(plan.going.items()):
        print(f"{name}: {why}")
    done = "deleted" if deleted else "would go (nothing is deleted without --yes)"
    print(f"{len(plan.going)} {done}, {len(plan.kept)} stay")
