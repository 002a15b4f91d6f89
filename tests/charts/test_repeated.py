"""The chart where no cluster can be asked and all is applied again: `helm template`, `kubectl apply`, Argo CD."""

import json
from pathlib import Path
from typing import Any

import pytest
from rendering import CHART, helm, options, parse, render
from test_lookups import install


def jobs(*settings: str) -> dict[str, dict[str, Any]]:
    """Return the Jobs by what they are called without the hash."""
    found = [one for one in render("defaults", *settings) if one["kind"] == "Job"]
    return {one["metadata"]["name"].rpartition("-")[0]: one for one in found}


def names(*settings: str) -> dict[str, str]:
    return {word: job["metadata"]["name"] for word, job in jobs(*settings).items()}


@pytest.mark.parametrize("values", ["defaults", "kind", "production"])
def test_the_same_values_render_the_same(values: str) -> None:
    first, second = (helm("template", "molino", CHART, *options(values)).stdout for _ in range(2))
    assert first
    assert first == second


def test_a_job_is_the_same_after_an_upgrade_that_does_not_concern_it() -> None:
    before, after = jobs(), jobs("serving.replicas=5", "serving.config.WORKERS=3")
    assert before == after


@pytest.mark.parametrize(
    ("setting", "changed"),
    [
        ("operations.image.tag=next", {"molino-minio-setup", "molino-secrets-make"}),
        ("mlflow.image.tag=next", {"molino-mlflow-migration"}),
        ("airflow.image.tag=next", {"molino-airflow-migration", "molino-airflow-user"}),
        ("s3.buckets.dvc=other", {"molino-minio-setup"}),
        ("minio.auth.rootUser=other", {"molino-minio-setup"}),
    ],
)
def test_a_job_that_does_something_else_is_another_one(setting: str, changed: set[str]) -> None:
    before, after = names(), names(setting)
    assert {word for word in before if before[word] != after[word]} == changed


def test_another_password_has_it_set_again() -> None:
    before, after = names("airflow.auth.password=one-password"), names("airflow.auth.password=another-one")
    assert before["molino-airflow-user"] != after["molino-airflow-user"]


def test_a_job_takes_annotations_and_is_kept_where_that_is_wanted() -> None:
    wanted = "jobs.annotations.argocd\\.argoproj\\.io/sync-wave=-1"
    found = jobs(wanted, "jobs.ttlSeconds=0").values()
    assert {json.dumps(one["metadata"]["annotations"]) for one in found} == {'{"argocd.argoproj.io/sync-wave": "-1"}'}
    assert [one for one in found if "ttlSecondsAfterFinished" in one["spec"]] == []
    assert {one["spec"]["ttlSecondsAfterFinished"] for one in jobs().values()} == {3600}


def test_what_makes_the_passwords_may_do_that_alone() -> None:
    documents = render()
    lacking = {
        one["metadata"]["name"]: one["metadata"]["annotations"]["molino.dev/made-in-the-cluster"].split(",")
        for one in documents
        if one["kind"] == "Secret"
    }
    (role,) = (one for one in documents if one["kind"] == "Role" and one["metadata"]["name"] == "molino-secrets")
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": sorted(lacking), "verbs": ["get", "patch"]}
    assert role["rules"] == [rule]
    (container,) = jobs()["molino-secrets-make"]["spec"]["template"]["spec"]["containers"]
    assert json.loads(container["args"][-1]) == lacking


def test_nothing_is_made_where_all_secrets_are_given_or_a_cluster_is_asked(tmp_path: Path) -> None:
    assert "passwords.py" not in json.dumps(render("production"))
    rendered, said = install(tmp_path, values="defaults")
    assert ("passwords.py" in rendered, said) == (False, "")
    assert [one for one in parse(rendered) if "made-in-the-cluster" in json.dumps(one)] == []
