"""`helm upgrade` with changed values and `helm rollback`: data and the served versions stay."""

from pathlib import Path

import pytest

from tests.e2e.installed import runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import KEY, Installation
from tests.e2e.installed.test_install import EXAMPLE

CHANGED = "changed-key"


@pytest.fixture(scope="module")
def versions(installation: Installation) -> dict[str, str | None]:
    return {model: runs.served_version(installation, model) for model in ("housing", "penguins")}


@pytest.fixture(scope="module")
def upgraded(
    installation: Installation, values: tuple[Path, ...], versions: dict[str, str | None]
) -> dict[str, dict[str, str]]:
    """Upgrade; return the Secrets from before."""
    before = {component: installation.secret(installation.name(component)) for component in ("postgres", "minio")}
    changes = (
        "serving.config.WORKERS=1",
        f"serving.auth.apiKey={CHANGED}",
        f"mlflow.auth.password={CHANGED}-too",
        f"tensorboard.auth.password={CHANGED}",
        "airflow.parts.triggerer.resources.limits.memory=1536Mi",
    )
    installation.upgrade(*values, options=tuple(word for change in changes for word in ("--set", change)))
    installation.wait_ready()
    return before


def answer(installation: Installation, model: str, key: str) -> tuple[int, str | None]:
    found = installation.ask("GET", f"/models/{model}", key=key)
    return found.status, found.json.get("version")


@pytest.mark.parametrize("model", ["housing", "penguins"])
def test_an_upgrade_keeps_the_served_version(
    model: str, upgraded: object, versions: dict[str, str | None], installation: Installation
) -> None:
    assert answer(installation, model, CHANGED) == (200, versions[model])


def test_an_upgrade_keeps_the_passwords_that_were_made(
    upgraded: dict[str, dict[str, str]], installation: Installation
) -> None:
    assert {name: installation.secret(installation.name(name)) for name in upgraded} == upgraded


def test_changed_passwords_are_those_of_the_components(upgraded: object, installation: Installation) -> None:
    assert "Phase:          Succeeded" in installation.helm("test", installation.release)


def test_an_upgrade_keeps_the_runs(upgraded: object, airflow: Airflow) -> None:
    airflow.wait_answer()
    assert {run["state"] for run in airflow.runs("housing_model")} == {"success"}


def test_a_rollback_brings_the_values_back_and_keeps_the_version(
    upgraded: object, versions: dict[str, str | None], installation: Installation
) -> None:
    installation.helm("rollback", installation.release)
    installation.wait_ready()
    assert answer(installation, "housing", KEY) == (200, versions["housing"])
    assert installation.ask("POST", "/models/housing/predict", EXAMPLE).status == 200
