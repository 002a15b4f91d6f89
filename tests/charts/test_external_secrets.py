"""Secrets that the External Secrets Operator makes, by its published definition, in place of the chart's own."""

from typing import Any

import jsonschema_rs
import pytest
import yaml
from kubernetes_schemas import strict
from published import module_file
from rendering import refusal, render
from test_lookups import install
from test_parts import ALWAYS_THERE, references

from molino.secrets.making import PARTS

OPERATOR = ("github.com/external-secrets/external-secrets", "v1.3.2")
ON = ("externalSecrets.enabled=true", "externalSecrets.store=vault")
BOTH = ("backup.enabled=true", "monitoring.pipelines.enabled=true")
OUTSIDE = (
    "postgres.enabled=false", "database.host=db.example.com", "minio.enabled=false", "s3.endpoint=https://s3.example.com",
    "mlflow.enabled=false", "mlflow.externalUrl=https://mlflow.example.com",
)  # fmt: skip


@pytest.fixture(scope="module")
def schema() -> Any:
    definition = yaml.safe_load(
        module_file(*OPERATOR, "config/crds/bases/external-secrets.io_externalsecrets.yaml").read_text()
    )
    (version,) = (one for one in definition["spec"]["versions"] if one["name"] == "v1")
    made = strict(version["schema"]["openAPIV3Schema"])
    made["properties"]["metadata"] = {"type": "object"}
    return jsonschema_rs.validator_for(made)


def external(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in documents if one["kind"] == "ExternalSecret"}


@pytest.mark.parametrize("settings", [(), OUTSIDE], ids=["built in", "outside"])
def test_each_is_as_the_operator_wants_it_and_nothing_else_is_named(settings: tuple[str, ...], schema: Any) -> None:
    documents = render("defaults", *ON, *settings)
    found = external(documents)
    assert [error.message for one in found.values() for error in schema.iter_errors(one)] == []
    assert [one["metadata"]["name"] for one in documents if one["kind"] == "Secret"] == []
    assert [one for one in documents if "secrets-make" in one["metadata"]["name"]] == []
    there = {(one["kind"], one["metadata"]["name"]) for one in documents} | ALWAYS_THERE
    there |= {("Secret", one["spec"]["target"]["name"]) for one in found.values()}
    assert set(references(documents)) - there == set()


def test_each_has_the_keys_of_its_component() -> None:
    found = external(render("defaults", *ON, "externalSecrets.prefix=teams/ml/", *BOTH))
    outside = {"database", "s3"}
    assert {name: {one["secretKey"] for one in document["spec"]["data"]} for name, document in found.items()} == {
        f"molino-{part}": set(keys) for part, keys in PARTS.items() if part not in outside
    }
    assert found["molino-mlflow"]["spec"]["data"][0]["remoteRef"] == {
        "key": "teams/ml/mlflow", "property": "flask-secret-key",
    }  # fmt: skip


def test_what_is_outside_has_its_own() -> None:
    found = external(render("defaults", *ON, *OUTSIDE))
    keys = {name: {one["secretKey"] for one in document["spec"]["data"]} for name, document in found.items()}
    assert keys["molino-database"] == {"airflow-password"}
    assert keys["molino-mlflow"] == {"username", "password"}
    services = ("steps", "airflow", "serving", "tensorboard")
    assert keys["molino-s3"] == {f"{one}-{kind}-key" for one in services for kind in ("access", "secret")}


def test_a_secret_that_is_named_is_left_to_its_owner() -> None:
    assert "molino-mlflow" not in external(render("defaults", *ON, "mlflow.auth.existingSecret=own"))
    assert external(render("production", *ON)) == {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("externalSecrets.enabled=true",), "set externalSecrets.store"),
        (
            (*ON, "mlflow.auth.password=of-twelve-letters"),
            "mlflow.auth.password is set, and with externalSecrets.enabled",
        ),
        (
            (*ON, "postgres.auth.passwords.airflow=own"),
            "postgres.auth.passwords is set, and with externalSecrets.enabled",
        ),
    ],
)
def test_what_would_be_ignored_is_refused(settings: tuple[str, ...], said: str) -> None:
    assert said in refusal("defaults", *settings)


def test_what_the_operator_is_to_make_is_not_looked_for(tmp_path: Any) -> None:
    rendered, said = install(tmp_path, settings=(*ON, *OUTSIDE), values="defaults")
    assert (bool(rendered), said) == (True, "")
