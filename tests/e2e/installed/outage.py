"""A component away for half a minute, in the middle of a run."""

import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from tests.cluster.waits import until
from tests.e2e.installed import runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import Turning
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


@dataclass(frozen=True)
class Outage:
    """A turn during whose first step a component is away."""

    over: Future[Turning]
    """The turn, once the component is back and Airflow answers."""
    ended: Future[dict[str, str]]
    """How each DAG run ended."""


def turn_without(
    installation: Installation, airflow: Airflow, pods: PodWatch, under_way: Executor, component: str
) -> Outage:
    """Start a turn, and take a component away while its ingest runs."""
    run_id = f"e2e-outage-{component}"

    def begin() -> Turning:
        turning = runs.start(airflow, "rooms", run_id)
        pods.wait(run_id, "ingest", started=True)
        away(installation, component, SECONDS)
        airflow.wait_answer()
        return turning

    def end() -> dict[str, str]:
        turning = over.result()
        data = airflow.wait("rooms_data", turning.data)["state"]
        if data != "success":
            return {"rooms_data": data}
        return {"rooms_data": data, "rooms_model": turning.end().trained["state"]}

    over = under_way.submit(begin)
    return Outage(over, under_way.submit(end))
