"""What a break is given: the installation, ways to start pipeline runs in it, and to wait for their ends."""

import itertools
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime

from molino.contracts.steps import STEP_NAMES
from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.chaos.prober import Prober
from tests.e2e.chaos.seen import Run
from tests.e2e.installed import models, runs
from tests.e2e.installed.airflow import ENDED, INTERVAL, Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import StartedRun
from tests.e2e.installed.watch import PodWatch, StepPod

WHOLE = 10**6
"""Seconds until the same prices could come again: by turns dearer and less dear, so that a new model beats the last."""
LONGEST_WHILE = 10.0
"""Seconds: about as long as a step takes, so that moments between two steps are among them."""
RUN_LIMIT = 600.0
"""Seconds that each of the two DAG runs of a pipeline run may take, with all tries."""


@dataclass
class Scene:
    """One for all breaks."""

    installation: Installation
    airflow: Airflow
    pods: PodWatch
    prober: Prober
    executor: Executor
    chance: random.Random
    points: int
    """How often breaks that have no number of their own are done."""
    stamp: str
    """What tells run ids of this time from those of another."""
    notes: list[str] = field(default_factory=list)
    """What a break has to tell beside its runs."""
    ended: list[Run] = field(default_factory=list)
    """Runs that a break has started and waited for itself."""
    seconds: list[float] = field(default_factory=list)
    """From each break until all was well."""
    told: set[str] = field(default_factory=set)
    """Faults that were told of a break before: a half-registered model stays one."""
    _broke: float | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def begin(self) -> None:
        """Forget what was of the break before."""
        for noted in (self.notes, self.ended, self.seconds):
            noted.clear()
        self._broke = None

    def say(self, text: str) -> None:
        """Tell whoever watches, with the time."""
        print(f"{datetime.now():%H:%M:%S}   {text}", file=sys.stderr, flush=True)

    def start(self, model: str) -> StartedRun:
        """Start a pipeline run on rows that differ from the last ones."""
        number = next(self._numbers)
        times = 1 + number % 2 + time.time() % WHOLE / WHOLE / 100
        source = runs.put_rows(self.installation, f"chaos-{number}", models.dearer(times))
        return runs.start(self.airflow, model, f"chaos-{self.stamp}-{number}", source=source)

    def end(self, started: StartedRun) -> Run:
        """Return how a pipeline run has ended, once it has."""
        model, run_id = started.model, started.run_id
        data = str(self.airflow.wait(f"{model}_data", started.data, RUN_LIMIT)["state"])
        if data != "success":
            return Run(model, run_id, (data, None))
        try:
            trained = started.trained()
        except ClusterError:
            return Run(model, run_id, (data, None))
        return Run(model, run_id, (data, str(self.airflow.wait(f"{model}_model", trained, RUN_LIMIT)["state"])))

    def run(self, model: str) -> Run:
        """Return a pipeline run from start to end."""
        return self.end(self.start(model))

    def mark(self) -> None:
        """Note that something breaks now; of several breaks until all is well the first counts."""
        if self._broke is None:
            self._broke = time.monotonic()

    def well(self) -> None:
        """Note that all is well again."""
        if self._broke is not None:
            self.seconds.append(time.monotonic() - self._broke)
        self._broke = None

    def reach(self, started: StartedRun, step: str, at_work: bool = True) -> StepPod:
        """Return the pod of a step once it is there, or once its container runs.

        Raises:
            ClusterError: The run has ended without it.
        """

        def found() -> list[StepPod]:
            pods = [pod for pod in self.pods.of_run(started.run_id) if pod.step == step]
            return [pod for pod in pods if pod.started or not at_work]

        def over() -> str | None:
            return f"the run has ended before its step {step}" if self._has_ended(started) else None

        until(f"{step}'s pod", lambda: bool(found()), RUN_LIMIT, over, interval=INTERVAL)
        return found()[0]

    def _has_ended(self, started: StartedRun) -> bool:
        data = (self.airflow.answer(lambda: self.airflow.run(f"{started.model}_data", started.data)) or {}).get("state")
        runs_after = self.airflow.answer(lambda: self.airflow.runs(f"{started.model}_model")) or []
        new = [run for run in runs_after if run["dag_run_id"] not in started.known]
        return data == "failed" or any(run["state"] in ENDED for run in new)

    def moments(self, started: StartedRun, count: int) -> Iterator[None]:
        """Return at random moments of a pipeline run: a while after the pod of any step is made."""
        drawn = [(self.chance.choice(STEP_NAMES), self.chance.uniform(0, LONGEST_WHILE)) for _ in range(count)]
        for step, seconds in sorted(drawn, key=lambda one: (STEP_NAMES.index(one[0]), one[1])):
            self.reach(started, step, at_work=False)
            time.sleep(seconds)  # The moment is the point, no condition.
            yield
