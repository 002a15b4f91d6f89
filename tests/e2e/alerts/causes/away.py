"""Parts that are scaled to nothing."""

import base64
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.e2e.alerts.contract import Again, Cause, Scene
from tests.e2e.installed.outage import scaled_to_nothing

EXPERIMENTS = "/api/2.0/mlflow/experiments/search?max_results=1"
SECONDS = 10


def without(scene: Scene, workload: str) -> AbstractContextManager[Again | None]:
    """Scale a workload to nothing, as long as the context lasts."""

    @contextmanager
    def away() -> Iterator[Again | None]:
        kind, component = workload.split("/")
        with scaled_to_nothing(scene.installation, f"{kind}/{scene.installation.name(component)}"):
            yield None
        scene.installation.wait_ready()

    return away()


@contextmanager
def _no_database(scene: Scene) -> Iterator[Again | None]:
    """Take Postgres away, and ask MLflow meanwhile."""
    held = scene.installation.secret(scene.installation.name("mlflow"))
    login = base64.b64encode(f"{held['username']}:{held['password']}".encode()).decode()
    with scene.installation.forward("mlflow", 5000) as port:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{EXPERIMENTS}", headers={"Authorization": f"Basic {login}"}
        )

        def ask() -> None:
            try:
                urllib.request.urlopen(request, timeout=SECONDS).close()
            except OSError:  # that it fails is what is wanted
                return

        with without(scene, "statefulset/postgres"):
            yield ask


SERVING = Cause(
    "serving", "serving is scaled to nothing", ("MolinoServingDown",), lambda s: without(s, "deployment/serving")
)
SCHEDULER = Cause(
    "scheduler",
    "Airflow's scheduler is scaled to nothing",
    ("MolinoSchedulerStill",),
    lambda s: without(s, "deployment/airflow-scheduler"),
)
MINIO = Cause(
    "minio",
    "MinIO is scaled to nothing",
    ("MolinoStoreUnreachable",),
    lambda s: without(s, "statefulset/minio"),
)
POSTGRES = Cause(
    "postgres",
    "Postgres is scaled to nothing, and MLflow is asked",
    ("MolinoDatabaseDown", "MolinoTrackingFails"),
    _no_database,
    stays=("MolinoTrackingFails",),
)
