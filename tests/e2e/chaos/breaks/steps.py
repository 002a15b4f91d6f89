"""Pods of steps that are taken away while they work."""

from collections.abc import Sequence

from molino.contracts.steps import STEP_NAMES
from tests.e2e.chaos.contract import Break
from tests.e2e.chaos.scene import Scene
from tests.e2e.chaos.stage import MODELS, TIGHT, TIGHT_MEMORY
from tests.e2e.installed.killed import NOW
from tests.e2e.installed.runs import StartedRun


class StepDeleted(Break):
    """The pod of every step, half of them of one run and half of another beside it."""

    name = "step-deleted"
    what = "of each of the six steps a pod deleted once its container runs, in two runs side by side"
    models = MODELS

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        list(scene.executor.map(lambda number: self._delete(scene, started[number], STEP_NAMES[number::2]), (0, 1)))

    def _delete(self, scene: Scene, run: StartedRun, steps: Sequence[str]) -> None:
        for step in steps:
            pod = scene.reach(run, step)
            scene.mark()
            scene.installation.kubectl("delete", "pod", pod.name, "--ignore-not-found", *NOW)


class StepOutOfMemory(Break):
    """A model whose train step takes more memory than it may."""

    name = "step-out-of-memory"
    what = f"a model whose train step may take {TIGHT_MEMORY} of memory, far less than it needs"
    promised = "the run fails, and Airflow tells of the memory"
    models = (TIGHT,)

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        """Do nothing more: the limit is in its model file."""
        scene.mark()

    def faults(self, scene: Scene, states: Sequence[tuple[str | None, str | None]]) -> list[str]:
        wrong = [f"a run ended as {one}" for one in states if one != ("success", "failed")]
        run = scene.airflow.runs(f"{TIGHT}_model")[0]["dag_run_id"]
        log, summary = (ask(f"{TIGHT}_model", run, "train") for ask in (scene.airflow.log, scene.airflow.summary))
        return wrong if "OOMKilled" in f"{log} {summary}" else [*wrong, f"nothing says why: {summary}"]
