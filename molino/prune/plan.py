"""What may go: from all that there is, and what refers to what, by one pure function."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from molino.contracts.release import LAST_RELEASES

Kind = Literal["version", "run", "mlflow", "data"]


class Name(NamedTuple):
    """What one thing is called."""

    kind: Kind
    """A registered version with its release, a run of Molino, a run of MLflow, or the bytes of a data version."""
    model: str
    """Empty for data, which models share."""
    id: str

    def __str__(self) -> str:
        """Return it for people."""
        kind = {"version": "version", "run": "run", "mlflow": "MLflow run", "data": "data"}[self.kind]
        return f"{kind} {self.id}" + (f" of {self.model}" if self.model else "")


@dataclass(frozen=True)
class Thing:
    """One thing that is there."""

    name: Name
    changed: datetime
    """When any part of it was last written."""
    refers: frozenset[Name] = frozenset()
    pinned: str | None = None
    """Why it stays whatever its age."""
    served: bool = False
    """Of a version: whether it has been in service."""
    unreadable: bool = False
    """Of a run: whether it can't be told what it refers to."""
    empty: bool = False
    """Of a run: whether it has no record, so that it isn't counted among the last ones."""
    revised: datetime | None = None
    """Of data: until when a revision of the data repository had it, the end of time where a branch or tag has it still;
    none where no revision names it."""


@dataclass(frozen=True)
class Policy:
    """How much is kept."""

    days: float = 90
    """What changed in the last so many days stays."""
    runs: int = 20
    """The last so many runs of each model stay; one at least."""
    releases: int = LAST_RELEASES
    """The last so many releases of each model stay; those at least that the gate compares with."""
    safety_hours: float = 24
    """What changed in the last so many hours stays: it may belong to something that is going on."""
    served: bool = False
    """Whether releases that have been in service may go too."""
    revision_days: float | None = None
    """Data stays so many days after another revision took its place; for ever without."""


@dataclass(frozen=True)
class Plan:
    """Why each thing stays or may go."""

    kept: Mapping[Name, str] = field(default_factory=dict)
    going: Mapping[Name, str] = field(default_factory=dict)

    def without(self, stays: Collection[Name]) -> "Plan":
        """Return the plan where some of what was to go has stayed."""
        kept = dict.fromkeys(stays, "something refers to it by now")
        return Plan({**self.kept, **kept}, {name: why for name, why in self.going.items() if name not in kept})


def decide(things: Iterable[Thing], policy: Policy, now: datetime) -> Plan:
    """Say of each thing why it stays, or why it may go.

    What has a reason of its own stays, and all that it refers to, and what that refers to. Where it can't be told what
    a run refers to, all of its model stays, and all data.
    """
    found = {thing.name: thing for thing in things}
    kept = _with_reasons(found, policy, now)
    waiting = list(kept)
    while waiting:
        name = waiting.pop()
        for other in sorted(found[name].refers & (found.keys() - kept.keys())):
            kept[other] = f"{name} refers to it"
            waiting.append(other)
    return Plan(kept, {name: _why(thing, policy) for name, thing in found.items() if name not in kept})


def _with_reasons(found: Mapping[Name, Thing], policy: Policy, now: datetime) -> dict[Name, str]:
    unknown = {name.model: name for name, thing in found.items() if thing.unreadable}
    safe, young = now - timedelta(hours=policy.safety_hours), now - timedelta(days=policy.days)
    last = _last(found, policy)
    kept = {}
    for name, thing in found.items():
        blind = unknown.get(name.model) or (next(iter(unknown.values()), None) if name.kind == "data" else None)
        if thing.pinned:
            kept[name] = thing.pinned
        elif thing.changed > safe:
            kept[name] = f"it changed in the last {policy.safety_hours:g} hours"
        elif thing.changed > young:
            kept[name] = f"it changed in the last {policy.days:g} days"
        elif name in last:
            kept[name] = last[name]
        elif thing.revised and (policy.revision_days is None or _since(thing.revised, policy.revision_days, now)):
            kept[name] = "a revision of the data repository names it"
        elif thing.served and not policy.served:
            kept[name] = "it has been in service"
        elif blind:
            kept[name] = f"{blind} can't be read, so it isn't known what it refers to"
    return kept


def _since(moment: datetime, days: float, now: datetime) -> bool:
    """Tell whether a moment is less than so many days ago, or to come."""
    return now - moment < timedelta(days=days)


def _last(found: Mapping[Name, Thing], policy: Policy) -> dict[Name, str]:
    """Return the last runs and releases of each model, and the last run that has data, with their reasons."""
    kept: dict[Name, str] = {}
    for model in {name.model for name in found}:
        of_model = [thing for name, thing in found.items() if name.model == model]
        recorded = (one for one in of_model if one.name.kind == "run" and not one.empty)
        runs = sorted(recorded, key=_by_time, reverse=True)
        versions = sorted((one for one in of_model if one.name.kind == "version"), key=_by_number, reverse=True)
        with_data = [one for one in runs if any(other.kind == "data" for other in one.refers)]
        kept |= {one.name: "its data is the newest" for one in with_data[:1]}
        most = max(policy.runs, 1)
        kept |= {one.name: f"one of the last {most} runs of {model}" for one in runs[:most]}
        most = max(policy.releases, LAST_RELEASES)
        kept |= {one.name: f"one of the last {most} releases of {model}" for one in versions[:most]}
    return kept


def _by_time(thing: Thing) -> tuple[datetime, str]:
    return thing.changed, thing.name.id


def _by_number(thing: Thing) -> int:
    return int(thing.name.id)


def _why(thing: Thing, policy: Policy) -> str:
    age = f"older than {policy.days:g} days"
    if thing.name.kind == "run":
        return f"{age}, and not among the last {max(policy.runs, 1)} runs"
    if thing.name.kind == "version":
        served = "no longer in service" if thing.served else "never in service"
        return f"{age}, {served}, and not among the last {max(policy.releases, LAST_RELEASES)} releases"
    return f"{age}, and nothing that stays refers to it"


class Act(NamedTuple):
    """One part of a thing that is taken away."""

    stage: int
    part: str
    name: Name


PARTS: Mapping[Kind, tuple[tuple[int, str], ...]] = {
    "version": ((0, "entry"), (2, "release")),
    "run": ((1, "records"), (3, "artifacts")),
    "mlflow": ((4, "mlflow"),),
    "data": ((5, "data"),),
}
"""What each kind has, by when it goes: the registry's entry, by which people come to the run's records, goes before
these; the records, which name all else, before the release, the artifacts, MLflow's runs and the data."""


def still(wanted: Iterable[Act], now: Plan) -> list[Act]:
    """Return what may be taken away still, by a plan of what there is by now."""
    return [act for act in wanted if act.name not in now.kept]


def acts(plan: Plan) -> list[Act]:
    """Return what is taken away, in an order in which no reader meets the name of something that is gone already."""
    return sorted(Act(stage, part, name) for name in plan.going for stage, part in PARTS[name.kind])
