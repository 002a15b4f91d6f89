"""The promises that hold whatever breaks, each judged from what was seen from outside."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from molino.contracts.steps import STEP_NAMES
from tests.e2e.chaos.seen import DONE, REJECTED, Run, Seen

DATA_STEPS = ("ingest", "version")
GAP_SECONDS = 10.0
"""Between two answers to questions that are asked several times a second: a longer one is no answer throughout."""
SHOWN = 3
"""Failures of one kind that are named."""


def false_successes(seen: Seen) -> Iterator[str]:
    """Yield runs that ended well and haven't done what that says."""
    for run in seen.runs:
        data, model = run.states
        if data == "success":
            yield from _without_records(run, DATA_STEPS)
            if model is None and not run.unchanged:
                yield f"{run.model} {run.run_id}: its data DAG ended well, and no model DAG followed"
        if model == "success":
            yield from _without_records(run, STEP_NAMES)
            yield from _not_registered(run, seen)
    for service in seen.services:
        if service.champion != service.served:
            yield f"{service.model}: champion is {service.champion}, and {service.served} serves"


def _without_records(run: Run, steps: tuple[str, ...]) -> Iterator[str]:
    for step in steps:
        if run.records.get(step) not in (DONE, REJECTED):
            yield f"{run.model} {run.run_id}: ended well without a record of {step}"


def _not_registered(run: Run, seen: Seen) -> Iterator[str]:
    known = {(version.model, version.version) for version in seen.versions if version.run_id == run.run_id}
    if run.records.get("register") == DONE and (run.model, run.version) not in known:
        yield f"{run.model} {run.run_id}: ended well, and the registry has no version {run.version} of it"


def doubled(seen: Seen) -> Iterator[str]:
    """Yield runs with more than one version."""
    counts = Counter((version.model, version.run_id) for version in seen.versions)
    for (model, run_id), count in counts.items():
        if count > 1:
            yield f"{model} {run_id}: {count} versions"


def half_registered(seen: Seen) -> Iterator[str]:
    """Yield versions without a whole release, and releases without a version."""
    for version in seen.versions:
        name = f"{version.model} version {version.version}"
        if version.run_id is None:
            yield f"{name}: of no run"
        if version.status != "READY":
            yield f"{name}: {version.status}"
        if not version.bundled:
            yield f"{name}: no whole release in the store"
    known = {(version.model, version.version) for version in seen.versions}
    for model, number in seen.bundles:
        if (model, number) not in known:
            yield f"{model} release {number}: no such version in the registry"


def lost_artifacts(seen: Seen) -> Iterator[str]:
    """Yield acknowledged artifacts that are away or altered."""
    yield from seen.lost
    for service in seen.services:
        if service.champion and not service.release_intact:
            yield f"{service.model}: the champion's release isn't what its run has acknowledged"


def orphans(seen: Seen) -> Iterator[str]:
    """Yield pods that are left."""
    yield from seen.orphans


def unanswered(seen: Seen) -> Iterator[str]:
    """Yield what came in place of answers, and a gap that is too long."""
    kinds = Counter(seen.probed.failures)
    for kind, count in kinds.most_common(SHOWN):
        yield f"{count} × {kind}"
    if seen.probed.longest_gap > GAP_SECONDS:
        yield f"no answer for {seen.probed.longest_gap:.1f} s"


ANSWERS = "/predict answers throughout"
PROMISES: Mapping[str, Callable[[Seen], Iterator[str]]] = {
    "no false success": false_successes,
    "no doubled model": doubled,
    "no half-registered model": half_registered,
    "no lost acknowledged artifact": lost_artifacts,
    "no orphan after 10 minutes": orphans,
    ANSWERS: unanswered,
}


def judge(seen: Seen, answers: bool = True) -> dict[str, list[str]]:
    """Return the promises that were broken, each with what breaks it.

    Args:
        seen: What was seen.
        answers: Whether `/predict` is promised to answer throughout.
    """
    held_to = {promise: find for promise, find in PROMISES.items() if answers or promise != ANSWERS}
    found = {promise: list(find(seen)) for promise, find in held_to.items()}
    return {promise: faults for promise, faults in found.items() if faults}
