"""A component away for half a minute, in the middle of a run."""

import time

from tests.cluster.waits import until
from tests.e2e.installed import runs
from tests.e2e.installed.airflow import ENDED, Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.watch import PodWatch

SECONDS = 30


def away(installation: Installation, component: str, seconds: float) -> None:
    """Take a component's pod away for a time, and wait until it is back."""
    name = installation.name(component)
    installation.kubectl("scale", "statefulset", name, "--replicas=0")
    until(f"{name} gone", lambda: not installation.component_pods(component), 120, interval=0.5)
    time.sleep(seconds)  # The outage itself.
    installation.kubectl("scale", "statefulset", name, "--replicas=1")
    installation.wait_ready()


def turn_without(installation: Installation, airflow: Airflow, pods: PodWatch, component: str) -> dict[str, str]:
    """Take a component away while ingest runs; return how each DAG run ended, once no pod of a step is left."""
    run_id = f"e2e-outage-{component}"
    turning = runs.start(airflow, "rooms", run_id)
    pods.wait(run_id, "ingest", started=True)
    away(installation, component, SECONDS)
    airflow.wait_answer()
    ended = {"rooms_data": airflow.wait("rooms_data", turning.data)["state"]}
    if ended["rooms_data"] == "success":
        ended["rooms_model"] = turning.end().trained["state"]
    installation.wait_no_step()
    assert set(ended.values()) <= set(ENDED)
    return ended
