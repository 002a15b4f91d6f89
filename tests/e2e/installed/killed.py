"""What is killed: a container; while train runs, also the scheduler's pod that holds the task, or the step's own."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import node
from tests.cluster.waits import until
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import PipelineRun, StartedRun
from tests.e2e.installed.watch import PodWatch, StepPod

GONE_LIMIT = 30.0
NOW = ("--grace-period=0", "--force", "--wait=false")
Object = Mapping[str, Any]
Kill = Callable[[Installation, StepPod], None]


@dataclass(frozen=True)
class Death:
    """When a container was sent KILL, and when its last process was gone, by `time.monotonic`.

    Between the two its sockets still take connections, which nobody answers.
    """

    sent: float
    gone: float


def kill_container(installation: Installation, pod: Object, name: str = "") -> Death:
    """End a container of a pod by KILL, as the kernel does out of memory.

    Where the cluster is kind's, whose processes aren't ours, the pod is deleted without grace.

    Args:
        installation: Where the pod is.
        pod: It, as the API has it.
        name: The container's; not needed where there is one.
    """
    if installation.cluster.in_docker:
        sent = time.monotonic()
        installation.kubectl("delete", "pod", pod["metadata"]["name"], *NOW)
        return Death(sent, time.monotonic())
    (container,) = (one for one in pod["status"]["containerStatuses"] if name in ("", one["name"]))
    identity = container["containerID"].removeprefix("containerd://")
    process = node.container_process(installation.cluster.folders, identity)
    sent = time.monotonic()
    os.kill(process, signal.SIGKILL)
    # The first process of a container is reaped when all others are.
    until(f"process {process} gone", lambda: not Path(f"/proc/{process}").exists(), GONE_LIMIT, interval=0.001)
    return Death(sent, time.monotonic())


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
