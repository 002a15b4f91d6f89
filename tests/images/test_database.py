"""The address of a service's database, as the images of Airflow and MLflow put it together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

IMAGES = Path(__file__).resolve().parents[2] / "images"
ASK = "import database, sys; print(database.uri(*sys.argv[1:]))"


@pytest.mark.parametrize(
    ("own", "address"),
    [
        ({}, "mlflow_auth:s%40f%2Fe@db.example.com:5432/mlflow_auth"),
        (
            {"MOLINO_DATABASE_MLFLOW_AUTH_HOST": "fd00::5", "MOLINO_DATABASE_MLFLOW_AUTH_NAME": "people"},
            "mlflow_auth:s%40f%2Fe@[fd00::5]:5432/people",
        ),
        (
            {"MOLINO_DATABASE_MLFLOW_AUTH_USER": "ada@server", "MOLINO_DATABASE_MLFLOW_HOST": "elsewhere"},
            "ada%40server:s%40f%2Fe@db.example.com:5432/mlflow_auth",
        ),
    ],
)
def test_a_service_has_host_user_and_name_of_its_own_where_they_are_given(own: dict[str, str], address: str) -> None:
    assert asked(own) == f"postgresql+psycopg2://{address}?sslmode=prefer&connect_timeout=5"


POOLED = {"MOLINO_DATABASE_POOLER": "pool:6432", "MOLINO_DATABASE_MLFLOW_AUTH_NAME": "people"}


@pytest.mark.parametrize(
    ("more", "address"),
    [
        ((), "psycopg2://mlflow_auth:s%40f%2Fe@pool:6432/mlflow_auth?sslmode=prefer&connect_timeout=5"),
        (("asyncpg",), "asyncpg://mlflow_auth:s%40f%2Fe@db.example.com:5432/people?ssl=prefer"),
        (
            ("psycopg2", "direct"),
            "psycopg2://mlflow_auth:s%40f%2Fe@db.example.com:5432/people?sslmode=prefer&connect_timeout=5",
        ),
    ],
)
def test_by_a_pooler_goes_what_takes_any_connection(more: tuple[str, ...], address: str) -> None:
    assert asked(POOLED, *more) == f"postgresql+{address}"


def asked(own: dict[str, str], *more: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(IMAGES), "MOLINO_DATABASE_HOST": "db.example.com", **own}
    command = [sys.executable, "-c", ASK, "mlflow_auth", "s@f/e", *more]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
