"""Pods killed while train runs: the scheduler's, in which the task is at work, and the step's own."""

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import PipelineRun, StartedRun
from tests.e2e.installed.watch import PodWatch, StepPod

NOW = ("--grace-period=0", "--force", "--wait=false")
Kill = Callable[[Installation, StepPod], None]


def kill_step(installation: Installation, train: StepPod) -> None:
    """Kill the pod of train."""
    installation.kubectl("delete", "pod", train.name, *NOW)


def kill_scheduler(installation: Installation, train: StepPod) -> None:
    """Kill the scheduler's pod."""
    (pod,) = installation.component_pods("airflow-scheduler")
    installation.kubectl("delete", "pod", pod["metadata"]["name"], *NOW)


@dataclass(frozen=True)
class Killed:
    """A pipeline run during whose training something is killed."""

    at: Future[float]
    """When it was, in seconds since 1970."""
    pipeline_run: Future[PipelineRun]
    """The pipeline run at its end."""


def run_and_kill(
    installation: Installation, pods: PodWatch, under_way: Executor, start: Callable[[], StartedRun], kill: Kill
) -> Killed:
    """Start a pipeline run, and kill something once train's container runs."""
    started_run = under_way.submit(start)

    def wait_and_kill() -> float:
        started = started_run.result()
        started.trained()
        kill(installation, pods.wait(started.run_id, "train", started=True))
        return time.time()

    def end() -> PipelineRun:
        at.result()
        return started_run.result().end()

    at = under_way.submit(wait_and_kill)
    return Killed(at, under_way.submit(end))
