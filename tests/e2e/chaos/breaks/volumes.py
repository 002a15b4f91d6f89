"""Volumes without room."""

import time
from collections.abc import Sequence
from typing import ClassVar

from tests.e2e.chaos.contract import Break
from tests.e2e.chaos.disks import Disk
from tests.e2e.chaos.scene import Scene
from tests.e2e.installed.runs import StartedRun

SECONDS = 60
AGAIN_SECONDS = 0.5
"""What is written over or removed gives room, which is taken away again so soon."""


class VolumeFull(Break):
    """One of them, full for a minute of a run."""

    promised = "the run ends well, or fails and leaves nothing half done"
    component: ClassVar[str]

    def missing(self, scene: Scene) -> str | None:
        there = Disk.of(scene.installation.cluster, self.component).is_there
        return None if there else "the volume has no disk of its own"

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        (run,) = started
        scene.reach(run, "ingest")
        scene.mark()
        disk = Disk.of(scene.installation.cluster, self.component)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            disk.fill()
            time.sleep(AGAIN_SECONDS)  # The break itself.
        disk.free()

    def heal(self, scene: Scene) -> None:
        Disk.of(scene.installation.cluster, self.component).free()

    def faults(self, scene: Scene, states: Sequence[tuple[str | None, str | None]]) -> list[str]:
        return []


class PostgresFull(VolumeFull):
    """The databases of Airflow and MLflow."""

    name, component = "postgres-full", "postgres"
    what = f"Postgres' volume full for {SECONDS} s of a run"


class MinioFull(VolumeFull):
    """All objects."""

    name, component = "minio-full", "minio"
    what = f"MinIO's volume full for {SECONDS} s of a run"
