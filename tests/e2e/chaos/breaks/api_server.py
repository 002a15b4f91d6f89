"""Kubernetes' own API."""

import os
import signal
import time
from collections.abc import Sequence

from tests.cluster import processes
from tests.e2e.chaos.contract import Break
from tests.e2e.chaos.scene import Scene
from tests.e2e.installed.runs import StartedRun

NAME = "kube-apiserver"
SECONDS = 60
STOPPED, RUNNING = 1.5, 0.5
"""Seconds, in turn."""


class ApiServerSlow(Break):
    """It answers late: most of the time it stands still."""

    name = "api-server-slow"
    what = f"Kubernetes' API server stands still for {STOPPED} of every {STOPPED + RUNNING} s, for {SECONDS} s of a run"

    def missing(self, scene: Scene) -> str | None:
        return "its process is Docker's" if scene.installation.cluster.in_docker else None

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        (run,) = started
        scene.reach(run, "train", at_work=False)
        scene.mark()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self._send(scene, signal.SIGSTOP)
            time.sleep(STOPPED)  # The break itself.
            self._send(scene, signal.SIGCONT)
            time.sleep(RUNNING)

    def heal(self, scene: Scene) -> None:
        self._send(scene, signal.SIGCONT)

    def _send(self, scene: Scene, way: signal.Signals) -> None:
        process = processes.recorded(scene.installation.cluster.folders)[NAME]
        if process.is_alive():
            os.kill(process.pid, way)
