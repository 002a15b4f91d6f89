"""The object store and the database away for half a minute, in the middle of a run, and the run that came next."""

import pytest

from molino.contracts.steps import STEP_NAMES
from tests.e2e.installed import runs
from tests.e2e.installed.broken import Broken
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.killed import Killed
from tests.e2e.installed.outage import SECONDS, Outage
from tests.e2e.installed.report import show


@pytest.mark.parametrize("component", ["minio", "postgres"])
def test_a_run_gets_over_an_outage_or_fails_cleanly(
    component: str, request: pytest.FixtureRequest, installation: Installation
) -> None:
    outage: Outage = request.getfixturevalue(f"{component}_away")
    ended = outage.ended.result()
    show(f"a run during whose first step {component} was away for {SECONDS} s: {ended}")
    with runs.store(installation) as client:
        left = list(runs.records(client, "rooms", f"e2e-outage-{component}"))
    if set(ended.values()) == {"success"}:
        assert left == list(STEP_NAMES)
    else:
        assert left == list(STEP_NAMES)[: len(left)]
        assert "deploy" not in left


def test_the_run_after_an_outage_of_the_store_ends_well(killed_step: Killed) -> None:
    assert killed_step.pipeline_run.result().states == ("success", "success")


def test_the_run_after_an_outage_of_the_database_ends_well(broken: Broken) -> None:
    assert broken.beside.states == ("success", "success")


def test_no_pod_of_a_step_is_left(postgres_away: Outage, broken: Broken, installation: Installation) -> None:
    postgres_away.ended.result()
    installation.wait_no_step()
