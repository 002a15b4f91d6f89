"""PgBouncer before Postgres: its pools, who asks by it, and what it refuses."""

import configparser
import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rendering import containers_of, pods, refusal, render

ON = ("pgbouncer.enabled=true",)
EXTERNAL = (
    "postgres.enabled=false", "database.auth.existingSecret=own", "database.host=db.example.com",
    "database.services.airflow.host=airflow.example.com", "database.services.airflow.user=flow@db",
    "database.services.mlflow.name=runs",
)  # fmt: skip


def settings(documents: list[dict[str, Any]]) -> configparser.ConfigParser:
    (text,) = (
        one["data"]["pgbouncer.ini"]
        for one in documents
        if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", "molino-pgbouncer")
    )
    found = configparser.ConfigParser(interpolation=None)
    found.read_string(text)
    return found


def poolers(documents: list[dict[str, Any]]) -> dict[str, str]:
    """What each workload is told of it, by itself or by Airflow's ConfigMap."""
    maps = {one["metadata"]["name"]: one.get("data", {}) for one in documents if one["kind"] == "ConfigMap"}
    found = {}
    for workload, spec, _ in pods(documents):
        for one in spec["containers"]:
            told = {variable["name"]: variable.get("value") for variable in one.get("env", [])}
            for source in one.get("envFrom", []):
                told |= maps.get(source.get("configMapRef", {}).get("name"), {})
            if "MOLINO_DATABASE_POOLER" in told:
                found[workload] = told["MOLINO_DATABASE_POOLER"]
    return found


def test_there_is_none_by_default() -> None:
    assert "pgbouncer" not in json.dumps(render()).lower()
    assert poolers(render()) == {}


def test_a_pool_is_called_as_its_service() -> None:
    built_in = settings(render("defaults", *ON))["databases"]
    assert dict(built_in) == {
        one: f"host='molino-postgres' port=5432 dbname='{one}'" for one in ("airflow", "mlflow", "mlflow_auth")
    }
    assert dict(settings(render("defaults", *ON, *EXTERNAL))["databases"]) == {
        "airflow": "host='airflow.example.com' port=5432 dbname='airflow'",
        "mlflow": "host='db.example.com' port=5432 dbname='runs'",
        "mlflow_auth": "host='db.example.com' port=5432 dbname='mlflow_auth'",
    }


def test_pools_are_of_the_parts_that_are_on() -> None:
    documents = render(
        "defaults", *ON, "mlflow.enabled=false", "mlflow.externalUrl=https://lab", "mlflow.auth.existingSecret=own"
    )
    assert list(settings(documents)["databases"]) == ["airflow"]


def test_airflow_and_mlflow_ask_by_it() -> None:
    told = poolers(render("defaults", *ON, "pgbouncer.service.port=6000", "fullnameOverride=own"))
    assert set(told.values()) == {"own-pgbouncer:6000"}
    wanted = {
        "own-mlflow",
        *(f"own-airflow-{part}" for part in ("api-server", "scheduler", "dag-processor", "triggerer")),
    }
    assert {f"Deployment/{one}" for one in wanted} <= told.keys()


def test_tls_is_checked_as_the_values_say() -> None:
    tls = ("database.sslmode=verify-full", "database.caSecret=ca", "pgbouncer.tlsSecret=pool")
    found = settings(render("defaults", *ON, *EXTERNAL, *tls))["pgbouncer"]
    assert {key: found[key] for key in found if "tls" in key} == {
        "server_tls_sslmode": "verify-full", "server_tls_ca_file": "/etc/molino/database-ca/ca.crt",
        "client_tls_sslmode": "require", "client_tls_cert_file": "/tls/tls.crt", "client_tls_key_file": "/tls/tls.key",
    }  # fmt: skip


def test_settings_of_the_values_stand_there_as_they_are() -> None:
    found = settings(
        render("defaults", *ON, "pgbouncer.config.default_pool_size=33554432", "pgbouncer.config.query_timeout=9")
    )
    assert (found["pgbouncer"]["default_pool_size"], found["pgbouncer"]["query_timeout"]) == ("33554432", "9")
    assert found["pgbouncer"]["pool_mode"] == "transaction"


def test_the_file_of_users_holds_any_password(tmp_path: Path) -> None:
    """The container's own script, with a stand-in that shows the file instead of PgBouncer."""
    command = containers_of(render("defaults", *ON, *EXTERNAL), "Deployment/molino-pgbouncer")["pgbouncer"]["command"]
    program = tmp_path / "pgbouncer"
    program.write_text(f"#!/bin/sh\nstat -c %a {tmp_path}/users.txt\ncat {tmp_path}/users.txt\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    script = command[-1].replace("/run/molino/", f"{tmp_path}/")
    given = {
        "AIRFLOW_USER": "flow@db", "AIRFLOW_PASSWORD": 'a"b\\n$(id)', "MLFLOW_USER": "mlflow",
        "MLFLOW_PASSWORD": "-n it's", "MLFLOW_AUTH_USER": "mlflow_auth", "MLFLOW_AUTH_PASSWORD": "ü %s",
    }  # fmt: skip
    environment = {**given, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([*command[:-1], script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "600", '"flow@db" "a""b\\n$(id)"', '"mlflow" "-n it\'s"', '"mlflow_auth" "ü %s"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("database.sslmode=verify-full", *EXTERNAL), "database.sslmode is verify-full, which holds for what Airflow"),
        (("database.sslmode=disable", "pgbouncer.tlsSecret=own"), "with pgbouncer.tlsSecret it takes TLS alone"),
        (
            (*EXTERNAL, "database.services.airflow.user=molino", "database.services.mlflow.user=molino"),
            "the user molino is of several hosts",
        ),
        (("pgbouncer.config.Pool-Mode=session",), "/pgbouncer/config': additional properties 'Pool-Mode' not allowed"),
        (("pgbouncer.config.pool_mode=session\nauth_type=any",), "pgbouncer.config.pool_mode: a setting is one line"),
        (
            (
                "airflow.enabled=false", "mlflow.enabled=false", "postgres.enabled=false",
            ),
            "pgbouncer.enabled: airflow and mlflow are off",
        ),
    ],
)  # fmt: skip
def test_what_can_t_work_is_refused(given: tuple[str, ...], said: str) -> None:
    assert said in refusal("defaults", *ON, *given)
