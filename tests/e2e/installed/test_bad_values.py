"""Values that can't work: refused at install with one clear message."""

from pathlib import Path

import pytest

from tests.cluster.fault import ClusterError
from tests.e2e.installed.installation import CHART, Installation

pytestmark = pytest.mark.usefixtures("killed_scheduler", "beside")


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
