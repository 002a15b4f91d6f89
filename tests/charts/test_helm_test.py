"""The pod of `helm test`: what it is told to ask, and with which keys."""

import ast
import json
from typing import Any

import pytest
from rendering import ROOT, render

CHECK = ROOT / "images" / "operations" / "check.py"
ASKED = {"airflow": "AIRFLOW_URL", "mlflow": "MLFLOW_URL", "tensorboard": "TENSORBOARD_URL", "serving": "SERVING_URL"}
EXTERNAL_MLFLOW = ("mlflow.externalUrl=http://elsewhere", "mlflow.auth.existingSecret=own")


def pod(values: str, *settings: str) -> dict[str, Any]:
    return next(
        one for one in render(values, *settings) if (one["kind"], one["metadata"]["name"]) == ("Pod", "molino-test")
    )


def environment(values: str, *settings: str) -> dict[str, Any]:
    variables = pod(values, *settings)["spec"]["containers"][0]["env"]
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in variables}


def test_helm_takes_it_for_a_test_and_keeps_its_log() -> None:
    annotations = pod("kind")["metadata"]["annotations"]
    assert annotations == {"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "before-hook-creation"}


def test_it_runs_a_program_of_its_image() -> None:
    container = pod("kind")["spec"]["containers"][0]
    assert container["args"] == ["python", f"/opt/molino/{CHECK.name}"]
    assert str(CHECK.relative_to(ROOT)) in (CHECK.parent / "Dockerfile").read_text()


@pytest.mark.parametrize("values", ["kind", "production"])
def test_it_is_told_all_that_the_program_reads(values: str) -> None:
    words = {
        node.value
        for node in ast.walk(ast.parse(CHECK.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("MOLINO_")
    }
    read = {word for word in words if word.isupper() and not word.endswith("_")}
    passwords = {f"MOLINO_{name}_{part}" for name in ("MLFLOW", "TENSORBOARD") for part in ("USERNAME", "PASSWORD")}
    assert environment(values).keys() == read | passwords


@pytest.mark.parametrize("component", ASKED)
def test_a_component_that_is_not_installed_is_not_asked(component: str) -> None:
    external = EXTERNAL_MLFLOW if component == "mlflow" else ()
    told = environment("defaults", f"{component}.enabled=false", *external)
    assert {name for name in ASKED if f"MOLINO_{ASKED[name]}" in told} == ASKED.keys() - {component}


def test_an_external_postgres_and_s3_are_asked_too() -> None:
    told = environment("production")
    assert (told["MOLINO_DATABASE_HOST"], told["MOLINO_S3_ENDPOINT"]) == (
        "postgres.example.com",
        "https://s3.eu-central-1.amazonaws.com",
    )


def test_it_has_the_keys_of_the_services_whose_buckets_it_looks_for() -> None:
    services = json.loads(environment("kind")["MOLINO_S3_BUCKETS"])
    items = {item["path"] for volume in pod("kind")["spec"]["volumes"] for item in volume["secret"]["items"]}
    assert items == {f"{service}-{part}-key" for service in services for part in ("access", "secret")}


def test_every_bucket_is_looked_for() -> None:
    looked_for = {
        bucket.partition("/")[0]
        for buckets in json.loads(environment("kind")["MOLINO_S3_BUCKETS"]).values()
        for bucket in buckets
    }
    assert looked_for == {"molino", "molino-dvc", "molino-git", "molino-mlflow", "molino-logs"}
