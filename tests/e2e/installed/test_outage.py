"""The object store and the database away for half a minute, in the middle of a run."""

import time

import pytest

from tests.cluster.waits import until
from tests.e2e.installed import models, runs
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
    component: str, installation: Installation, airflow: Airflow, pods: PodWatch
) -> None:
    run_id = f"e2e-outage-{component}"
    known = airflow.run_ids("homes_model")
    data = airflow.trigger("homes_data", run_id=run_id)
    until("ingest's container", lambda: any(p.started for p in pods.of_run(run_id)), 300)
    away(installation, component, SECONDS)
    if airflow.wait("homes_data", data)["state"] == "success":
        airflow.wait("homes_model", airflow.next_run("homes_model", known))
    installation.wait_no_step()
    with runs.store(installation) as client:
        source = runs.put(client, f"sources/{run_id}.csv", models.rows())
    assert runs.turn(airflow, "homes", f"{run_id}-next", source=source).states == ("success", "success")
