"""The clean-up: off by default, told what to keep by values, with the rights of the deploy step."""

from typing import Any

import pytest
from rendering import pods, refusal, render

ON = ("prune.enabled=true", "airflow.enabled=true")
DIGEST = f"sha256:{'0' * 64}"


def jobs(*settings: str) -> dict[str, dict[str, Any]]:
    documents = render("defaults", *ON, *settings)
    return {one["metadata"]["name"]: one for one in documents if one["kind"] == "CronJob"}


def container(job: dict[str, Any]) -> dict[str, Any]:
    ((_, spec, _),) = pods([job])
    (found,) = spec["containers"]
    return dict(found)


def asking(job: dict[str, Any]) -> dict[str, Any]:
    """Return the container that asks the data repository."""
    ((_, spec, _),) = pods([job])
    (found,) = spec["initContainers"]
    return dict(found)


def test_nothing_is_cleaned_up_unless_values_say_so() -> None:
    assert [one for one in render() if one["kind"] == "CronJob"] == []


def test_a_clean_up_that_is_switched_on_deletes_nothing_at_first() -> None:
    found = jobs()
    assert container(found["molino-prune"])["args"] == [
        "prune", "--days=90", "--runs=20", "--releases=10", "--safety-hours=24", "--revisions=/tmp/revisions.json"
    ]  # fmt: skip
    assert container(found["molino-prune-airflow"])["args"][-3:] == ["clean", "90", "--dry-run"]


def test_values_say_when_what_is_deleted() -> None:
    values = {
        "dryRun": "false",
        "served": "true",
        "days": "33554432",
        "runs": "5",
        "releases": "12",
        "schedule": "0 1 * * *",
        "revisionDays": "30",
        "deadlineSeconds": "60",
    }
    found = jobs(*(f"prune.config.{key}={value}" for key, value in values.items()))
    assert container(found["molino-prune"])["args"] == [
        "prune", "--days=33554432", "--runs=5", "--releases=12", "--safety-hours=24", "--revisions=/tmp/revisions.json",
        "--revision-days=30", "--served", "--yes",
    ]  # fmt: skip
    assert container(found["molino-prune-airflow"])["args"][-1] == "--yes"
    assert {job["spec"]["schedule"] for job in found.values()} == {"0 1 * * *"}
    assert {job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] for job in found.values()} == {60}


def test_what_the_data_repository_names_is_asked_with_its_credentials_in_the_image_that_has_git() -> None:
    ssh = ("steps.gitAuth.existingSecret=own", "steps.gitAuth.sshKey=key", "steps.config.gitRemote=git@host:data.git")
    one = asking(jobs(f"steps.image.digests.version={DIGEST}", *ssh)["molino-prune"])
    names = {variable["name"]: variable.get("value") for variable in one["env"]}

    assert (one["image"], one["args"]) == (
        f"molino-version@{DIGEST}",
        ["prune", "--write-revisions", "/tmp/revisions.json"],
    )
    assert names["MOLINO_GIT_SSH_KEY"] == "/etc/molino/secrets/molino-git-ssh-key/content"
    assert "MOLINO_S3_SECRET_KEY" in names
    assert "MOLINO_MLFLOW_PASSWORD" not in names
    assert "molino-git-ssh-key" in [mount["name"] for mount in one["volumeMounts"]]


def test_airflow_s_rows_stay_where_values_say_so() -> None:
    assert jobs("prune.config.airflowDays=0").keys() == {"molino-prune"}


def test_a_clean_up_has_the_settings_of_steps_and_asks_what_serves() -> None:
    job = jobs(f"steps.image.digests.deploy={DIGEST}")["molino-prune"]
    ((_, spec, _),) = pods([job])
    one = container(job)
    names = {variable["name"] for variable in one["env"]}

    assert one["image"] == f"molino-deploy@{DIGEST}"
    assert one["envFrom"] == [{"configMapRef": {"name": "molino-steps"}}]
    assert {"MOLINO_S3_ACCESS_KEY", "MOLINO_MLFLOW_PASSWORD"} <= names
    assert "MOLINO_API_KEY" not in names
    assert spec["serviceAccountName"] == "molino-deploy"
    assert [volume["name"] for volume in spec["volumes"] if "projected" in volume] == ["token"]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"


@pytest.mark.parametrize(
    ("setting", "cause"),
    [
        ("airflow.enabled=false", "prune.enabled: what it cleans up is made by the steps"),
        ("prune.config.releases=9", "prune.config.releases: the gate compares with the last 10 releases"),
    ],
)
def test_what_cannot_be_is_refused(setting: str, cause: str) -> None:
    assert cause in refusal("defaults", "prune.enabled=true", setting)
