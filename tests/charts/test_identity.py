"""Where pods' own accounts stand for the keys of the object storage, no key is rendered, asked for or sent."""

import json
from typing import Any

import pytest
from rendering import refusal, render
from test_parts import references

OUTSIDE = ("minio.enabled=false", "s3.endpoint=https://s3.example.com")
ON = (*OUTSIDE, "s3.auth.workloadIdentity=true")
ROLE = "serviceAccount.annotations.eks\\.amazonaws\\.com/role-arn=arn"


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return render("defaults", *ON, "serviceAccount.create=true", ROLE)


def test_no_key_is_named_anywhere(documents: list[dict[str, Any]]) -> None:
    text = json.dumps(documents)
    names = (
        "access-key",
        'secret-key"',
        "S3_ACCESS_KEY",
        "S3_SECRET_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    )
    assert [name for name in names if name in text.replace("api-secret-key", "").replace("flask-secret-key", "")] == []
    assert {name for kind, name in references(documents) if kind == "Secret" and "s3" in name} == set()


def test_those_that_ask_are_told_so(documents: list[dict[str, Any]]) -> None:
    told = [
        one["metadata"]["name"]
        for one in documents
        if "MOLINO_S3_IDENTITY" in json.dumps(one) and one["kind"] in ("Deployment", "ConfigMap")
    ]
    assert sorted(told) == ["molino-serving", "molino-steps", "molino-tensorboard"]
    accounts = [one for one in documents if one["kind"] == "ServiceAccount" and "annotations" in one["metadata"]]
    assert {"molino-serving", "molino-steps", "molino-tensorboard", "molino-mlflow"} <= {
        one["metadata"]["name"] for one in accounts
    }


@pytest.mark.parametrize(
    "settings", [("s3.auth.workloadIdentity=true",), (*ON, "s3.auth.existingSecret=own")], ids=["built in", "with keys"]
)
def test_it_stands_beside_no_keys(settings: tuple[str, ...]) -> None:
    assert "s3.auth.workloadIdentity is of an external S3, in place of keys" in refusal("defaults", *settings)
