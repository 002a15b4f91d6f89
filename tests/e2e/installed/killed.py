"""Pods killed while train runs: the scheduler's, in which the task is at work, and the step's own."""

import time
from collections.abc import Callable

from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import Turning, Wheel
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


def turn_and_kill(installation: Installation, pods: PodWatch, turning: Turning, kill: Kill) -> tuple[Wheel, float]:
    """Kill something once train's container runs; return the turn at its end, and when that was in seconds of time."""
    turning.trained()
    kill(installation, pods.wait(turning.run_id, "train", started=True))
    killed = time.time()
    return turning.end(), killed
