"""An external Postgres whose services have hosts, users and databases of their own."""

import json
from typing import Any

import pytest
from rendering import containers_of, refusal, render

EXTERNAL = ("postgres.enabled=false", "database.host=db.example.com", "database.auth.existingSecret=own")
SERVICES = (
    "database.services.airflow.host=airflow.example.com", "database.services.airflow.user=flow@db",
    "database.services.airflow.name=flows", "database.services.mlflow.name=runs",
    "database.services.mlflowAuth.user=people",
)  # fmt: skip
ON = ("backup.enabled=true", "monitoring.postgres.enabled=true")


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return render("defaults", *EXTERNAL, *SERVICES, *ON)


def told(container: dict[str, Any]) -> dict[str, str]:
    return {
        one["name"]: one["value"]
        for one in container.get("env", [])
        if one["name"].startswith(("MOLINO_DATABASE_", "DATA_SOURCE_U"))
    }


def test_airflow_is_told_where_its_own_is(documents: list[dict[str, Any]]) -> None:
    (data,) = (
        one["data"] for one in documents if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", "molino-airflow")
    )
    assert {name: value for name, value in data.items() if name.startswith("MOLINO_DATABASE_")} == {
        "MOLINO_DATABASE_HOST": "db.example.com", "MOLINO_DATABASE_PORT": "5432", "MOLINO_DATABASE_SSLMODE": "prefer",
        "MOLINO_DATABASE_AIRFLOW_HOST": "airflow.example.com", "MOLINO_DATABASE_AIRFLOW_USER": "flow@db",
        "MOLINO_DATABASE_AIRFLOW_NAME": "flows",
    }  # fmt: skip


def test_mlflow_is_told_where_both_of_its_own_are(documents: list[dict[str, Any]]) -> None:
    assert told(containers_of(documents, "Deployment/molino-mlflow")["mlflow"]) == {
        "MOLINO_DATABASE_HOST": "db.example.com", "MOLINO_DATABASE_PORT": "5432", "MOLINO_DATABASE_SSLMODE": "prefer",
        "MOLINO_DATABASE_MLFLOW_NAME": "runs", "MOLINO_DATABASE_MLFLOW_AUTH_USER": "people",
    }  # fmt: skip


def test_backups_dump_and_restore_each_where_it_is(documents: list[dict[str, Any]]) -> None:
    wheres = (
        "--host=airflow.example.com --username=flow@db --dbname=flows",
        "--username=mlflow --dbname=runs",
        "--username=people --dbname=mlflow_auth",
    )
    dump = containers_of(documents, "CronJob/molino-backup")["databases"]["command"][-1]
    assert [where for where in wheres if f"pg_dump {where} --format" not in dump] == []
    restored = containers_of(documents, "CronJob/molino-backup-restore")
    assert [w for w in wheres if f"pg_restore {w} --clean" not in restored["databases"]["command"][-1]] == []
    assert [w for w in wheres if f"psql {w} --no-psqlrc" not in json.dumps(restored["empty"]["command"])] == []


def test_the_exporter_asks_airflow_s_and_helm_test_all(documents: list[dict[str, Any]]) -> None:
    exporter = told(containers_of(documents, "Deployment/molino-postgres-metrics")["postgres-metrics"])
    assert exporter == {
        "DATA_SOURCE_URI": "airflow.example.com:5432/flows?sslmode=require",
        "DATA_SOURCE_USER": "flow@db",
    }
    asked = told(containers_of(documents, "Pod/molino-test")["check"])
    assert asked == {
        "MOLINO_DATABASE_SERVICES": "airflow,mlflow,mlflow_auth", "MOLINO_DATABASE_HOST": "db.example.com",
        "MOLINO_DATABASE_PORT": "5432", "MOLINO_DATABASE_AIRFLOW_HOST": "airflow.example.com",
        "MOLINO_DATABASE_AIRFLOW_USER": "flow@db", "MOLINO_DATABASE_AIRFLOW_NAME": "flows",
        "MOLINO_DATABASE_MLFLOW_NAME": "runs", "MOLINO_DATABASE_MLFLOW_AUTH_USER": "people",
    }  # fmt: skip
    waited = told(containers_of(documents, "Pod/molino-doctor")["wait"])
    assert waited == {key: asked[key] for key in asked if "MLFLOW" not in key} | {"MOLINO_DATABASE_SERVICES": "airflow"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ((SERVICES[0],), "database.services.airflow is of an external Postgres, and postgres.enabled is true"),
        ((*EXTERNAL, "database.services.mlflow.host=db:6432"), "database.services.mlflow.host: db:6432 is no host"),
        ((*EXTERNAL, "database.services.mlflow.user=a b"), "at '/database/services/mlflow/user': 'a b' does not match"),
    ],
)
def test_what_can_t_be_is_refused(settings: tuple[str, ...], said: str) -> None:
    assert said in refusal("defaults", *settings)
