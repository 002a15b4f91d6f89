"""Airflow's scheduler, which also holds the tasks at work, ended at random moments of a run."""

import itertools
import signal
from collections.abc import Sequence

from tests.cluster.waits import until
from tests.e2e.chaos.contract import Break
from tests.e2e.chaos.scene import Scene
from tests.e2e.installed.killed import kill_container
from tests.e2e.installed.runs import StartedRun

COMPONENT = "airflow-scheduler"
PER_RUN = 3
"""Moments of one pipeline run: each end costs it half a minute."""
BACK_SECONDS = 180


class SchedulerEnded(Break):
    """TERM and KILL in turn."""

    name = "scheduler"
    what = "Airflow's scheduler ended at {points} random moments of runs, by TERM (its pod deleted) and KILL in turn"

    def start(self, scene: Scene) -> list[StartedRun]:
        return []

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        """Take moments of one run after the other."""
        ways = itertools.cycle((signal.SIGTERM, signal.SIGKILL))
        for first in range(0, scene.points, PER_RUN):
            pipeline_run = scene.start("homes")
            for _ in scene.moments(pipeline_run, min(PER_RUN, scene.points - first)):
                self._end(scene, next(ways))
            scene.ended.append(scene.end(pipeline_run))
            scene.well()

    def _end(self, scene: Scene, way: signal.Signals) -> None:
        """End it, and return once another is ready, so that the next end finds one."""
        installation = scene.installation
        pod = next(one for one in installation.component_pods(COMPONENT) if "deletionTimestamp" not in one["metadata"])
        scene.say(f"scheduler {way.name}")
        scene.mark()
        name, uid = pod["metadata"]["name"], (pod["metadata"]["uid"], _starts(pod))
        if way == signal.SIGTERM:
            installation.kubectl("delete", "pod", name, "--wait=false")
        else:
            kill_container(installation, pod)

        def back() -> bool:
            found = installation.component_pods(COMPONENT)
            return any((one["metadata"]["uid"], _starts(one)) != uid and _ready(one) for one in found)

        until("the scheduler back", back, BACK_SECONDS, interval=1)


def _starts(pod: dict[str, object]) -> int:
    statuses = pod["status"].get("containerStatuses", [])  # type: ignore[attr-defined]
    return sum(int(one["restartCount"]) for one in statuses)


def _ready(pod: dict[str, object]) -> bool:
    statuses = pod["status"].get("containerStatuses", [])  # type: ignore[attr-defined]
    return bool(statuses) and all(one["ready"] for one in statuses)
