"""A component away for half a minute, in the middle of a run."""

import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass

from tests.cluster.waits import until
from tests.e2e.installed import runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import StartedRun
from tests.e2e.installed.watch import PodWatch

SECONDS = 30


@contextmanager
def scaled_to_nothing(installation: Installation, *workloads: str) -> Iterator[None]:
    """Have no pod of workloads, each as kind/name, as long as the context lasts; afterwards one comes again."""
    installation.kubectl("scale", "--replicas=0", *workloads)
    try:
        yield
    finally:
        installation.kubectl("scale", "--replicas=1", *workloads)


def away(installation: Installation, component: str, seconds: float, kind: str = "statefulset") -> None:
    """Take a component's pod away for a time, and wait until it is back."""
    name = installation.name(component)
    with scaled_to_nothing(installation, f"{kind}/{name}"):
        until(f"{name} gone", lambda: not installation.component_pods(component), 120, interval=0.5)
        time.sleep(seconds)  # The outage itself.
    installation.wait_ready()


@dataclass(frozen=True)
class Outage:
    """A pipeline run during whose first step a component is away."""

    over: Future[StartedRun]
    """The pipeline run, once the component is back and Airflow answers."""
    ended: Future[dict[str, str]]
    """How each DAG run ended."""


def run_without(
    installation: Installation, airflow: Airflow, pods: PodWatch, under_way: Executor, component: str, source: str
) -> Outage:
    """Start a pipeline run of new rows, and take a component away while its ingest runs."""
    run_id = f"e2e-outage-{component}"

    def begin() -> StartedRun:
        started_run = runs.start(airflow, "rooms", run_id, source=source)
        pods.wait(run_id, "ingest", started=True)
        away(installation, component, SECONDS)
        airflow.wait_answer()
        return started_run

    def end() -> dict[str, str]:
        started_run = over.result()
        data = airflow.wait("rooms_data", started_run.data)["state"]
        if data != "success":
            return {"rooms_data": data}
        return {"rooms_data": data, "rooms_model": started_run.end().trained["state"]}

    over = under_way.submit(begin)
    return Outage(over, under_way.submit(end))
