"""Follows the pods of steps as they come and go: what `kubectl get pods --watch` says, kept."""

import json
import subprocess
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.cluster.waits import until
from tests.e2e.installed.installation import Installation

STEP, RUN, MODEL = "molino.dev/step", "molino.dev/run", "molino.dev/model"
PAUSE = 0.5
"""Seconds until kubectl is started again."""


@dataclass
class StepPod:
    """What was seen of one pod."""

    name: str
    step: str
    model: str
    run: str
    image: str
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    deleted: bool = False


@dataclass
class PodWatch:
    """All step pods of a namespace, from the watch's beginning on."""

    installation: Installation
    pods: dict[str, StepPod] = field(default_factory=dict)
    """By uid."""

    def __enter__(self) -> "PodWatch":
        self._stopped = threading.Event()
        self._process = self._watch()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while self._thread.is_alive():
            self._process.terminate()
            self._thread.join(PAUSE)

    def _watch(self) -> "subprocess.Popen[str]":
        kubectl = self.installation.cluster.kubectl
        command = [
            str(kubectl.program), "--kubeconfig", str(kubectl.kubeconfig), "--namespace", self.installation.namespace,
            "get", "pods", "--selector", STEP, "--watch", "--output-watch-events", "--output", "json",
        ]  # fmt: skip
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def _read(self) -> None:
        """Take what kubectl says, and start it again when it ends: a node that restarts takes its watch away."""
        while True:
            with self._process as process:
                assert process.stdout
                for line in process.stdout:
                    event = json.loads(line)
                    if event["type"] != "ERROR":
                        self._take(event["type"], event["object"])
            if self._stopped.wait(PAUSE):
                return
            self._process = self._watch()

    def _take(self, kind: str, pod: dict[str, Any]) -> None:
        meta, labels = pod["metadata"], pod["metadata"]["labels"]
        seen = self.pods.setdefault(
            meta["uid"],
            StepPod(
                meta["name"],
                labels[STEP],
                labels[MODEL],
                labels[RUN],
                pod["spec"]["containers"][0]["image"],
                moment(meta["creationTimestamp"]),
            ),
        )
        seen.deleted |= kind == "DELETED"
        for status in pod["status"].get("containerStatuses", []):
            state = status["state"]
            if running := state.get("running"):
                seen.started = moment(running["startedAt"])
            if ended := state.get("terminated"):
                seen.exit_code = ended["exitCode"]
                if ended["finishedAt"]:  # none of a container that a restarted node knows nothing of
                    seen.started, seen.ended = moment(ended["startedAt"]), moment(ended["finishedAt"])

    def wait(self, run: str, step: str, started: bool = False, limit: float = 300) -> StepPod:
        """Return the pod of a step of a run, once it is made, or once its container has started."""

        def found() -> list[StepPod]:
            return [pod for pod in self.of_run(run) if pod.step == step and (pod.started or not started)]

        until(f"{step}'s {'container' if started else 'pod'}", lambda: bool(found()), limit)
        return found()[0]

    def of_run(self, run: str) -> list[StepPod]:
        """Return the pods of one run, in the order of their making."""
        return sorted((pod for pod in self.pods.values() if pod.run == run[:63].rstrip("-_.")), key=lambda p: p.created)


def moment(text: str) -> datetime:
    """Parse a time as Kubernetes and Airflow write it."""
    return datetime.fromisoformat(text)
