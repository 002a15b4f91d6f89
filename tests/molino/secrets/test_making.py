"""Strong Secrets for an installation: all keys that the chart wants, in files that nobody else reads."""

import base64
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from rendering import render
from typer.testing import CliRunner

from molino.cli import app
from molino.secrets.making import PARTS, SecretsError, made, manifest, write


def keys_of_the_chart(component: str) -> set[str]:
    """Return the keys of the Secret that the chart makes, and those that its Job adds."""
    documents = render("defaults", "airflow.enabled=true", "backup.enabled=true", "monitoring.pipelines.enabled=true")
    (found,) = (
        one for one in documents if one["kind"] == "Secret" and one["metadata"]["name"] == f"molino-{component}"
    )
    left = found["metadata"]["annotations"].get("molino.dev/made-in-the-cluster", "")
    return set(found["data"] or {}) | set(filter(None, left.split(",")))


@pytest.mark.parametrize("part", sorted(PARTS.keys() - {"database", "s3"}))
def test_a_secret_has_the_keys_that_the_chart_wants(part: str) -> None:
    assert made(part).keys() == keys_of_the_chart(part)


def test_an_external_database_has_the_users_of_the_built_in_one() -> None:
    assert made("database").keys() == made("postgres").keys() - {"postgres-password"}


def test_an_external_s3_has_the_services_of_the_built_in_one() -> None:
    assert made("s3").keys() == made("minio").keys() - {"root-user", "root-password"}
    assert {"backup-access-key", "backup-secret-key", "pipeline-metrics-secret-key"} <= made("s3").keys()


@pytest.mark.parametrize("part", PARTS)
def test_values_are_strong_and_other_each_time(part: str) -> None:
    first, second = made(part), made(part)
    names = {"username", "root-user"}
    assert [key for key in first.keys() - names if first[key] == second[key]] == []
    assert [key for key in first.keys() - names if len(first[key]) < 40 and not key.endswith("-access-key")] == []


def test_airflow_takes_the_fernet_key() -> None:
    assert Fernet(made("airflow")["fernet-key"])


def test_a_file_is_its_owners_alone_and_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "secrets.yaml"
    write([manifest("molino-mlflow", made("mlflow"), {})], file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    with pytest.raises(SecretsError, match=r"secrets\.yaml is there already, and secrets are not written over"):
        write([], file)
    assert file.read_text() == before


def test_the_command_prints_those_of_production() -> None:
    done = CliRunner().invoke(app, ["secrets", "new", "--release", "own"])
    found: list[dict[str, Any]] = list(yaml.safe_load_all(done.stdout))
    names = [one["metadata"]["name"] for one in found]
    assert (done.exit_code, names) == (
        0,
        [f"own-{one}" for one in ("airflow", "mlflow", "tensorboard", "serving", "database")],
    )
    assert base64.b64decode(found[0]["data"]["username"]) == b"admin"


def test_an_unknown_part_is_named_beside_the_known_ones() -> None:
    with pytest.raises(SecretsError, match=r"no secrets of 'minoi': expected one of airflow, mlflow, .*, minio$"):
        made("minoi")


def test_a_part_that_is_named_twice_has_one_secret() -> None:
    made_twice = CliRunner().invoke(app, ["secrets", "new", "mlflow", "airflow", "mlflow"])
    assert [one["metadata"]["name"] for one in yaml.safe_load_all(made_twice.stdout)] == [
        "molino-mlflow",
        "molino-airflow",
    ]


@pytest.mark.parametrize("name", ["A_B", "", "-a", "a-", "a" * 54, "a\nb", "a b"])
def test_a_name_that_no_installation_can_have_is_refused(name: str) -> None:
    ended = CliRunner().invoke(app, ["secrets", "new", "mlflow", "--release", name])
    assert ended.exit_code == 2
    assert "expected lower-case letters, digits and hyphens" in " ".join(ended.output.replace("│", " ").split())
