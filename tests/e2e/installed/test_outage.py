"""The object store and the database away for half a minute, in the middle of a run."""

import time
from concurrent.futures import Executor

import pytest

from tests.cluster.waits import until
from tests.e2e.installed import runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.watch import PodWatch

SECONDS = 30


def away(installation: Installation, component: str, seconds: float) -> None:
    """Take a component's pod away for a time, and wait until it is back."""
    name = installation.name(component)
    installation.kubectl("scale", "statefulset", name, "--replicas=0")
    until(f"{name} gone", lambda: not installation.component_pods(component), 120)
    time.sleep(seconds)  # The outage itself.
    installation.kubectl("scale", "statefulset", name, "--replicas=1")
    installation.wait_ready()


@pytest.mark.parametrize("component", ["minio", "postgres"])
def test_a_run_gets_over_an_outage_or_fails_cleanly_and_the_next_one_succeeds(
    component: str, installation: Installation, airflow: Airflow, pods: PodWatch, under_way: Executor, small_rows: str
) -> None:
    run_id = f"e2e-outage-{component}"
    turning = runs.start(airflow, "homes", run_id)
    pods.wait(run_id, "ingest", started=True)
    away(installation, component, SECONDS)
    airflow.wait_answer()
    following = under_way.submit(runs.turn, airflow, "flats", f"{run_id}-next", source=small_rows)
    if airflow.wait("homes_data", turning.data)["state"] == "success":
        turning.end()
    assert following.result().states == ("success", "success")
    installation.wait_no_step()
