"""Where the time of a run went, step by step, in seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from molino.contracts.record import Record
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.watch import StepPod, moment


@dataclass(frozen=True)
class StepTime:
    """One step of one run. Kubernetes tells times in whole seconds: a figure of one step is as coarse, a mean isn't."""

    step: str
    queued: float
    """From the end of the task before, or the run's beginning, to the task's start: Airflow's scheduling."""
    pod_start: float
    """From the task's start to the container's."""
    imports: float
    """From the container's start to the step's own beginning: Python, and the packages it loads."""
    work: float
    """From the step's beginning to its record."""
    collection: float
    """From the record to the end of the task: the container's end, seen by Airflow, and the pod's deletion."""

    @property
    def outside(self) -> float:
        """What isn't spent in the step's container."""
        return self.queued + self.pod_start + self.collection


def step_times(
    airflow: Airflow, runs: Sequence[tuple[str, str]], pods: Sequence[StepPod], records: Mapping[str, Record]
) -> list[StepTime]:
    """Return the times of the steps of some DAG runs, given as (dag, run), in order."""
    found = []
    for dag, run in runs:
        before = moment(airflow.run(dag, run)["queued_at"])
        for task in sorted(airflow.tasks(dag, run).values(), key=lambda task: str(task["start_date"])):
            step = task["task_id"]
            pod = next(pod for pod in pods if pod.step == step and pod.exit_code == 0)
            found.append(_step_time(step, before, task, pod, records[step]))
            before = moment(task["end_date"])
    return found


def _step_time(step: str, before: datetime, task: Mapping[str, Any], pod: StepPod, record: Record) -> StepTime:
    began, ended = moment(task["start_date"]), moment(task["end_date"])
    assert pod.started is not None
    return StepTime(
        step=step,
        queued=(began - before).total_seconds(),
        pod_start=(pod.started - began).total_seconds(),
        imports=(record.started - pod.started).total_seconds(),
        work=record.seconds,
        collection=(ended - record.ended).total_seconds(),
    )


def start_seconds(pod: Mapping[str, Any]) -> float:
    """Return how long a pod took from its making until it was ready, init containers and all; whole seconds."""
    (ready,) = (one for one in pod["status"]["conditions"] if one["type"] == "Ready" and one["status"] == "True")
    return (moment(ready["lastTransitionTime"]) - moment(pod["metadata"]["creationTimestamp"])).total_seconds()


def table(times: Sequence[StepTime]) -> str:
    """Return the times as a table of text, with their mean."""
    columns = ("queued", "pod_start", "imports", "work", "collection", "outside")
    lines = [f"{'step':<10}" + "".join(f"{name.replace('_', ' '):>12}" for name in columns)]
    lines += [f"{t.step:<10}" + "".join(f"{getattr(t, name):12.1f}" for name in columns) for t in times]
    means = [sum(getattr(t, name) for t in times) / len(times) for name in columns]
    return "\n".join([*lines, f"{'mean':<10}" + "".join(f"{mean:12.1f}" for mean in means)])
