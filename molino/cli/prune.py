"""`molino prune`: what nothing needs any more goes, by age and count."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from molino.prune.plan import Name, Plan


def prune(
    yes: Annotated[bool, typer.Option("--yes", "--apply", help="Delete; without it, only say what would go.")] = False,
    days: Annotated[float, typer.Option(min=0, help="What changed in the last so many days stays.")] = 90,
    runs: Annotated[int, typer.Option(min=1, help="The last so many runs of each model stay.")] = 20,
    releases: Annotated[
        int, typer.Option(min=10, help="The last so many releases of each model stay; the gate compares with 10.")
    ] = 10,
    safety_hours: Annotated[
        float, typer.Option(min=0, help="What changed in the last so many hours stays: a run may be going on.")
    ] = 24,
    served: Annotated[
        bool, typer.Option("--served", help="Let releases go too that have been in service before.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead, with why all else stays.")] = False,
) -> None:
    """Say which old runs, releases, MLflow runs and data versions nothing needs any more; with `--yes`, delete them.

    What is in service, has an alias or is named by a promotion stays, so do the last runs and releases of each model,
    and all that anything that stays refers to.

    Example: `molino prune --days 30 --runs 50`
    """
    from datetime import UTC, datetime

    from molino.contracts.settings import load_settings
    from molino.logs import configure_logs
    from molino.prune.inventory import open_inventory
    from molino.prune.plan import Policy, decide
    from molino.prune.removal import Removal

    configure_logs()
    policy = Policy(days, runs, releases, safety_hours, served)
    inventory = open_inventory(load_settings())
    plan = decide(inventory.things(), policy, datetime.now(UTC))
    if yes:
        Removal(inventory, plan).apply()
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
