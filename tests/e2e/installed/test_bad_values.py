"""Values that can't work: one clear message at the earliest place, never a crash loop without a cause."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.installed.installation import CHART, Installation

NOWHERE = "nowhere.molino-bad.svc"
pytestmark = pytest.mark.usefixtures("refused", "killed_step")


@pytest.fixture
def bad(cluster: Cluster) -> Iterator[Installation]:
    """An empty namespace for an installation that won't come up."""
    found = Installation(cluster, "molino-bad")
    found.make_namespace()
    yield found
    cluster.kubectl("delete", "namespace", found.namespace, "--ignore-not-found", "--wait=true", "--timeout=180s")


def test_an_unknown_storage_class_is_refused_at_install(bad: Installation, values: tuple[Path, ...]) -> None:
    with pytest.raises(ClusterError, match=r"postgres.persistence.storageClass.*no-such-class.*standard"):
        bad.upgrade(*values, options=("--set", "postgres.persistence.storageClass=no-such-class"))


def test_a_missing_secret_is_refused_at_install(bad: Installation, values: tuple[Path, ...]) -> None:
    with pytest.raises(ClusterError, match=r"mlflow.auth.existingSecret.*no-such-secret"):
        bad.upgrade(*values, options=("--set", "mlflow.auth.existingSecret=no-such-secret"))


def test_a_secret_without_a_key_is_refused_at_install(bad: Installation, values: tuple[Path, ...]) -> None:
    bad.kubectl("create", "secret", "generic", "half", "--from-literal=username=admin")
    with pytest.raises(ClusterError, match=r"mlflow.auth.existingSecret.*half.*password"):
        bad.upgrade(*values, options=("--set", "mlflow.auth.existingSecret=half"))


def test_a_development_password_is_refused_in_production(bad: Installation) -> None:
    with pytest.raises(ClusterError, match="known development password"):
        bad.helm("template", CHART, "--set", "environment=production", "--set", "mlflow.auth.password=mercadolibre")


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
