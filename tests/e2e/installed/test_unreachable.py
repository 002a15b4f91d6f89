"""An external database or store that isn't there: named by what waits for it, never a crash loop without a cause."""

from pathlib import Path

import pytest

from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.installed.installation import Installation

NOWHERE = "nowhere.molino-bad.svc"
pytestmark = pytest.mark.usefixtures("minio_away")


def test_an_unreachable_database_is_named_by_what_waits_for_it(bad: Installation, values: tuple[Path, ...]) -> None:
    keys = ("airflow-password", "mlflow-password", "mlflow-auth-password")
    bad.kubectl("create", "secret", "generic", "database", *(f"--from-literal={key}=secret" for key in keys))
    options = ("--set", "postgres.enabled=false", "--set", f"database.host={NOWHERE}")
    bad.upgrade(*values, options=(*options, "--set", "database.auth.existingSecret=database"))
    until("the migration's pod", lambda: NOWHERE in log(bad, "airflow-migration"), 120)
    assert f'waiting for the database: could not translate host name "{NOWHERE}"' in log(bad, "airflow-migration")
    (scheduler,) = bad.component_pods("airflow-scheduler")
    assert scheduler["status"]["phase"] == "Pending"


def test_an_unreachable_store_is_named_by_what_waits_for_it(bad: Installation, values: tuple[Path, ...]) -> None:
    services = ("steps", "mlflow", "airflow", "serving", "tensorboard")
    keys = [f"--from-literal={service}-{part}-key=some-key" for service in services for part in ("access", "secret")]
    bad.kubectl("create", "secret", "generic", "store", *keys)
    options = ("--set", "minio.enabled=false", "--set", f"s3.endpoint=http://{NOWHERE}:9000")
    bad.upgrade(*values, options=(*options, "--set", "s3.auth.existingSecret=store"))
    said = f"can't read s3://molino at http://{NOWHERE}:9000: "
    until("serving's init container", lambda: said in log(bad, "serving", "fetch"), 120)
    (serving,) = bad.component_pods("serving")
    assert serving["status"]["phase"] == "Pending"


def log(installation: Installation, component: str, container: str = "") -> str:
    """Return what a component's pod, or one container of it, has said so far."""
    words = ["--container", container] if container else []
    for pod in installation.component_pods(component):
        try:
            return installation.kubectl("logs", pod["metadata"]["name"], *words)
        except ClusterError:
            return ""  # Its container hasn't started yet.
    return ""
