"""One installation with login for all scenarios; MOLINO_E2E=1 and a cluster that is up (`make login`)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser

from tests.chromium import open_browser
from tests.cluster.cluster import Cluster
from tests.e2e.installed import models, runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import PASSWORD, USER, Installation
from tests.e2e.login import provider, site
from tests.e2e.login.site import Programs

HERE = Path(__file__).parent
collect_ignore_glob = [] if os.environ.get("MOLINO_E2E") == "1" else ["test_*.py"]
ORDER = ("test_login", "test_programs", "test_logout", "test_expiry")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.parent == HERE else -1)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    found = Cluster.here()
    assert found.is_up(), "the cluster is down: make cluster"
    return found


@pytest.fixture(scope="session")
def installation(cluster: Cluster) -> Installation:
    """Bring up the provider, and install the chart into an empty namespace."""
    authority = provider.install(cluster, site.CALLBACKS)
    found = Installation(cluster, "molino")
    found.make_namespace()
    secret = {"client-secret": provider.CLIENT_SECRET, "cookie-secret": os.urandom(16).hex()}
    objects = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": site.SECRET}, "stringData": secret},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": site.AUTHORITY}, "data": {"ca.crt": authority}},
    ]
    for one in objects:
        one["metadata"] |= {"namespace": found.namespace}  # type: ignore[operator]
    cluster.kubectl.apply(yaml.safe_dump_all(objects))
    site.upgrade(found)
    return found


@pytest.fixture(scope="session")
def programs(installation: Installation) -> Programs:
    return Programs(installation)


@pytest.fixture(scope="session")
def airflow(installation: Installation) -> Iterator[Airflow]:
    with installation.forward("airflow-api-server", 8080) as port:
        yield Airflow(f"http://127.0.0.1:{port}", USER, PASSWORD)


@pytest.fixture(scope="session")
def released(installation: Installation, airflow: Airflow) -> None:
    """A model that serves, and whose training MLflow and TensorBoard show."""
    runs.put_rows(installation, models.ROWS)
    airflow.wait_dags({f"{site.MODEL}_data", f"{site.MODEL}_model"})
    assert runs.run_pipeline(airflow, site.MODEL, "login").states == ("success", "success")


@pytest.fixture(scope="session")
def browser(cluster: Cluster) -> Iterator[Browser]:
    """A browser for which every host is at the ingress."""
    with open_browser(f"--host-resolver-rules=MAP * {cluster.host}") as browser:
        yield browser
