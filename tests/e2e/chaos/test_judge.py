from dataclasses import replace

import pytest

from molino.contracts.steps import STEP_NAMES
from tests.e2e.chaos.judge import ANSWERS, GAP_SECONDS, PROMISES, judge
from tests.e2e.chaos.seen import Probed, Run, Seen, Service, Version

RUN = Run("homes", "r2", ("success", "success"), dict.fromkeys(STEP_NAMES, "done"), "2")
FAILED = replace(RUN, states=("success", "failed"), records={"ingest": "done", "version": "done"}, version=None)
VERSIONS = tuple(Version("homes", number, f"r{number}", "READY", True) for number in ("1", "2"))
WELL = Seen(
    runs=(RUN,),
    versions=VERSIONS,
    bundles=(("homes", "1"), ("homes", "2")),
    services=(Service("homes", "2", "2", True),),
    lost=(),
    orphans=(),
    probed=Probed(100, (), 0.5),
)


def without_the_version(run: Run) -> Seen:
    """Return what is seen where a run has made none, and the one before serves."""
    served = (Service("homes", "1", "1", True),)
    return replace(WELL, runs=(run,), versions=VERSIONS[:1], bundles=(("homes", "1"),), services=served)


KEPT = {
    "all is well": WELL,
    "a run failed and left nothing": without_the_version(FAILED),
    "a run failed before it made a data version": without_the_version(Run("homes", "r2", ("failed", None))),
    "a run failed after its version was whole": replace(WELL, runs=(replace(FAILED, version="2"),)),
    "unchanged rows train nothing": replace(
        WELL, runs=(Run("homes", "r3", ("success", None), {"ingest": "done", "version": "done"}, unchanged=True),)
    ),
    "the gate refused": replace(
        WELL,
        runs=(
            replace(
                RUN, run_id="r3", version=None, records={**RUN.records, "register": "rejected", "deploy": "rejected"}
            ),
        ),
    ),
    "a person put an older version in service": replace(WELL, services=(Service("homes", "1", "1", True),)),
    "nothing of a model serves yet": replace(WELL, services=(*WELL.services, Service("rooms", None, None, False))),
}
BROKEN = {
    "a run without its last record": (
        "no false success",
        replace(WELL, runs=(replace(RUN, records={**dict.fromkeys(STEP_NAMES[:-1], "done")}),)),
    ),
    "a data DAG without a record": (
        "no false success",
        without_the_version(replace(FAILED, records={"ingest": "done"})),
    ),
    "a model DAG that never came": (
        "no false success",
        without_the_version(replace(FAILED, states=("success", None))),
    ),
    "a version that the registry lacks": (
        "no false success",
        without_the_version(RUN),
    ),
    "another version serves than the champion": (
        "no false success", replace(WELL, services=(Service("homes", "2", "1", True),)),
    ),
    "two versions of a run": (
        "no doubled model",
        replace(
            WELL,
            versions=(*VERSIONS, Version("homes", "3", "r2", "READY", True)),
            bundles=(*WELL.bundles, ("homes", "3")),
        ),
    ),
    "a version without a release": (
        "no half-registered model", replace(WELL, versions=(VERSIONS[0], replace(VERSIONS[1], bundled=False))),
    ),
    "a version that isn't ready": (
        "no half-registered model",
        replace(WELL, versions=(VERSIONS[0], replace(VERSIONS[1], status="PENDING_REGISTRATION"))),
    ),
    "a version of no run": (
        "no half-registered model",
        replace(
            WELL,
            versions=(*VERSIONS, Version("homes", "3", None, "READY", True)),
            bundles=(*WELL.bundles, ("homes", "3")),
        ),
    ),
    "a release without a version": (
        "no half-registered model", replace(WELL, bundles=(*WELL.bundles, ("homes", "3"))),
    ),
    "an artifact that is away": (
        "no lost acknowledged artifact", replace(WELL, lost=("runs/homes/r1/clean.parquet is away",)),
    ),
    "a champion with another release": (
        "no lost acknowledged artifact", replace(WELL, services=(Service("homes", "2", "2", False),)),
    ),
    "a pod that is left": ("no orphan after 10 minutes", replace(WELL, orphans=("train-abc",))),
    "a failed request": (ANSWERS, replace(WELL, probed=Probed(99, ("status 502",), 0.5))),
    "a long gap": (ANSWERS, replace(WELL, probed=Probed(99, (), GAP_SECONDS + 1))),
}  # fmt: skip


@pytest.mark.parametrize("seen", KEPT.values(), ids=KEPT)
def test_what_is_well_breaks_no_promise(seen: Seen) -> None:
    assert judge(seen) == {}


@pytest.mark.parametrize(("promise", "seen"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_breaks_the_promise_that_is_about_it_alone(promise: str, seen: Seen) -> None:
    found = judge(seen)
    assert list(found) == [promise]
    assert len(found[promise]) == 1


def test_each_promise_is_broken_by_a_case() -> None:
    assert {promise for promise, _ in BROKEN.values()} == set(PROMISES)


def test_a_break_of_the_only_server_is_not_held_to_answers() -> None:
    silent = replace(WELL, probed=Probed(0, ("TimeoutError",), 60.0))
    assert judge(silent, answers=False) == {}
    assert judge(silent)
