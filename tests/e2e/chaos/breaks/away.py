"""A component that holds data, away for a minute while a step works."""

from collections.abc import Sequence
from typing import ClassVar

from molino.contracts.steps import STEP_NAMES
from tests.e2e.chaos.contract import Break
from tests.e2e.chaos.scene import Scene
from tests.e2e.installed.outage import away
from tests.e2e.installed.runs import StartedRun

SECONDS = 60
POINTS_OF_ALL = 20
"""With so many points it goes in each of the six steps, with fewer in fewer of them."""


class Away(Break):
    """One of them; a step in which it goes is one of a run of its own."""

    promised = "the run ends well, or fails and leaves nothing half done"
    component: ClassVar[str]
    kind: ClassVar[str] = "statefulset"

    def start(self, scene: Scene) -> list[StartedRun]:
        return []

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        count = max(1, min(len(STEP_NAMES), scene.points * len(STEP_NAMES) // POINTS_OF_ALL))
        steps = sorted(scene.chance.sample(STEP_NAMES, count), key=STEP_NAMES.index)
        for step in steps:
            pipeline_run = scene.start("homes")
            scene.reach(pipeline_run, step)
            scene.say(f"{self.component} away in {step}")
            scene.mark()
            away(scene.installation, self.component, SECONDS, self.kind)
            scene.airflow.wait_answer()
            scene.ended.append(scene.end(pipeline_run))
            scene.well()
            scene.notes.append(f"in {step}: {' and '.join(map(str, scene.ended[-1].states))}")

    def heal(self, scene: Scene) -> None:
        name = scene.installation.name(self.component)
        scene.installation.kubectl("scale", self.kind, name, "--replicas=1")

    def faults(self, scene: Scene, states: Sequence[tuple[str | None, str | None]]) -> list[str]:
        return []


class PostgresAway(Away):
    """The database of Airflow and MLflow."""

    name, component = "postgres-away", "postgres"
    what = f"Postgres away for {SECONDS} s in a step"


class MinioAway(Away):
    """The object store."""

    name, component = "minio-away", "minio"
    what = f"MinIO away for {SECONDS} s in a step"


class MlflowAway(Away):
    """The registry."""

    name, component, kind = "mlflow-away", "mlflow", "deployment"
    what = f"MLflow away for {SECONDS} s in a step"
