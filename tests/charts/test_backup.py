"""The CronJobs of backups: off unless values say so, each reference there, and what each container is told."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from rendering import CHART, pods, refusal, render
from test_parts import ALWAYS_THERE, of_pod

from molino.backup.create import Retention, Thinning

ON = "backup.enabled=true"
ELSEWHERE = ("backup.destination.endpoint=https://backups.example.com", "backup.auth.existingSecret=own")


def containers(*settings: str, name: str = "molino-backup") -> dict[str, dict[str, Any]]:
    """Return the containers of a CronJob by name, those before the others first."""
    spec = next(spec for told, spec, _ in pods(render("defaults", ON, *settings)) if told == f"CronJob/{name}")
    return {one["name"]: one for one in [*spec["initContainers"], *spec["containers"]]}


def variables(container: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"] for one in container["env"]}


def buckets(*settings: str) -> dict[str, Any]:
    made = next(
        one
        for one in render("defaults", *settings)
        if one["metadata"]["name"] == "molino-minio" and one["kind"] == "ConfigMap"
    )
    return dict(yaml.safe_load(made["data"]["storage.yaml"]))


def test_there_is_none_by_default() -> None:
    assert [one for one in render("defaults") if "backup" in json.dumps(one)] == []


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ELSEWHERE,
        ("mlflow.enabled=false", "mlflow.externalUrl=https://m.example.com", "mlflow.auth.existingSecret=own"),
    ],
)
def test_what_they_name_is_there(settings: tuple[str, ...]) -> None:
    documents = render("defaults", ON, *settings)
    there = {(one["kind"], one["metadata"]["name"]) for one in documents} | ALWAYS_THERE
    named = {reference for name, spec, _ in pods(documents) if "backup" in name for reference in of_pod(spec)}

    assert ("ServiceAccount", "molino-deploy") in named
    assert named - there == set()


def test_databases_are_dumped_before_objects_are_read() -> None:
    made = containers()

    assert list(made) == ["databases", "objects"]
    assert made["objects"]["args"] == [
        "backup", "create", "--keep", "192", "--max-age", "100", "--all-hours", "24", "--daily", "30", "--weekly", "12"
    ]  # fmt: skip
    assert [
        word
        for word in ("airflow", "mlflow", "mlflow_auth")
        if f"--file=/dumps/{word}.dump" in made["databases"]["command"][2]
    ] == ["airflow", "mlflow", "mlflow_auth"]


def test_the_count_of_sets_lets_none_go_that_the_times_keep() -> None:
    """At the default schedule, whatever the hour: all of a day, then one a day, then one a week."""
    config = yaml.safe_load((CHART / "values.yaml").read_text())["backup"]["config"]
    minutes = int(config["schedule"].split()[0].removeprefix("*/"))
    thinning = Thinning(timedelta(hours=config["allHours"]), config["daily"], config["weekly"])
    retention = Retention(config["keep"], timedelta(days=config["maxAgeDays"]), thinning)
    now = datetime(2026, 11, 27, 23, 50, tzinfo=UTC)
    young = [now - timedelta(minutes=minutes * number) for number in range(3 * 24 * 60 // minutes)]
    made = [*young, *(young[-1] - timedelta(hours=hours) for hours in range(1, 24 * 98))]
    for hours in range(24):
        ids = [f"{one - timedelta(hours=hours):%Y%m%d-%H%M%S}-a" for one in made]
        kept = thinning.kept(ids, now - timedelta(hours=hours))

        assert len(kept) > 24 * 60 / minutes + config["daily"]
        assert set(ids) - set(retention.gone(ids, now - timedelta(hours=hours))) == kept


def test_a_restore_brings_objects_and_then_databases_and_never_starts_by_itself() -> None:
    made = containers(
        "backup.restore.set=20261127-183000-a1b2c3", "backup.restore.over=true", name="molino-backup-restore"
    )
    job = next(
        one
        for one in render("defaults", ON)
        if one["metadata"]["name"] == "molino-backup-restore" and one["kind"] == "CronJob"
    )

    assert list(made) == ["objects", "databases"]
    assert list(containers(name="molino-backup-restore")) == ["empty", "objects", "databases"]
    assert made["objects"]["args"] == ["backup", "restore", "20261127-183000-a1b2c3", "--over"]
    assert made["databases"]["command"][2].count("pg_restore") == 3
    assert job["spec"]["suspend"] is True


def test_a_backup_that_hangs_is_ended() -> None:
    job = next(
        one
        for one in render("defaults", ON)
        if one["metadata"]["name"] == "molino-backup" and "schedule" in one["spec"]
    )
    assert job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 3600


def test_manifests_are_authenticated_by_a_key_of_their_own() -> None:
    told = variables(containers("backup.auth.macSecret=own")["objects"])
    assert told["MOLINO_BACKUP_MAC_KEY"] == {"name": "own", "key": "mac-key"}


def test_values_say_that_none_is_made_before_a_restore() -> None:
    jobs = [one for one in render("defaults", ON, "backup.config.suspend=true") if one["kind"] == "CronJob"]

    assert {one["metadata"]["name"]: one["spec"]["suspend"] for one in jobs}["molino-backup"] is True


def test_sets_go_beside_the_buckets_with_a_key_for_all_of_them() -> None:
    told = variables(containers()["objects"])
    rights = buckets(ON)["services"]["backup"]

    assert told["MOLINO_BACKUP_STORE"] == "s3://molino-backups"
    assert json.loads(told["MOLINO_BACKUP_PLACES"]) == {"logs": "s3://molino-logs"}
    assert told["MOLINO_S3_ACCESS_KEY"] == {"name": "molino-minio", "key": "backup-access-key"}
    assert {one["bucket"] for one in rights} == set(buckets(ON)["buckets"])
    assert "molino-backups" in buckets(ON)["buckets"]
    assert "molino-backups" not in buckets(ON, *ELSEWHERE)["buckets"]


def test_sets_go_to_another_s3_encrypted() -> None:
    told = variables(
        containers(*ELSEWHERE, "backup.destination.prefix=/one/", "backup.auth.encryptionSecret=own")["objects"]
    )

    assert told["MOLINO_BACKUP_STORE"] == "s3://molino-backups/one"
    assert told["MOLINO_BACKUP_S3_ENDPOINT"] == "https://backups.example.com"
    assert told["MOLINO_BACKUP_S3_SECRET_KEY"] == {"name": "own", "key": "secret-key"}
    assert told["MOLINO_BACKUP_KEY"] == {"name": "own", "key": "encryption-key"}


def test_the_image_is_that_of_the_deploy_step() -> None:
    assert (
        containers("steps.image.names.deploy=registry.example.com/own:1")["objects"]["image"]
        == "registry.example.com/own:1"
    )
    assert containers("image.registry=registry.example.com")["objects"]["image"].startswith(
        "registry.example.com/molino-deploy:"
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("airflow.enabled=false",), "backup.enabled: a backup is made by the image"),
        (ELSEWHERE[:1], "set destination.endpoint and auth.existingSecret"),
        (ELSEWHERE[1:], "set destination.endpoint and auth.existingSecret"),
        (("backup.destination.bucket=molino-dvc",), "backup.destination.bucket: molino-dvc is backed up itself"),
    ],
)
def test_values_that_do_not_fit_are_refused(settings: tuple[str, ...], said: str) -> None:
    assert said in refusal("defaults", ON, *settings)


ARCHIVED = (ON, "postgres.archive.enabled=true")


def postgres(*settings: str) -> dict[str, Any]:
    return next(spec for told, spec, _ in pods(render("defaults", *settings)) if told == "StatefulSet/molino-postgres")


def test_without_an_archive_postgres_is_as_it_was() -> None:
    spec = postgres(ON)
    assert [one["name"] for one in [*spec["initContainers"], *spec["containers"]]] == ["bootstrap", "postgres"]
    assert "archive" not in json.dumps([spec, buckets(ON)])


def test_the_archive_writes_to_its_own_folder_alone_by_a_key_of_its_own() -> None:
    shipping = next(one for one in postgres(*ARCHIVED)["containers"] if one["name"] == "archive")
    told = variables(shipping)
    assert shipping["args"] == ["archive", "ship", "/archive", "--alive", "/tmp/alive"]
    assert told["MOLINO_S3_ACCESS_KEY"] == {"name": "molino-minio", "key": "archive-access-key"}
    rights = buckets(*ARCHIVED, "backup.destination.prefix=/one/")["services"]["archive"]
    assert rights == [{"actions": "readwrite", "bucket": "molino-backups", "prefix": "one/postgres/"}]


def test_the_archive_goes_to_another_s3_with_the_keys_for_it() -> None:
    settings = (*ARCHIVED, *ELSEWHERE, "backup.auth.encryptionSecret=own")
    told = variables(next(one for one in postgres(*settings)["containers"] if one["name"] == "archive"))
    assert told["MOLINO_BACKUP_S3_ENDPOINT"] == "https://backups.example.com"
    assert told["MOLINO_BACKUP_KEY"] == {"name": "own", "key": "encryption-key"}
    assert "MOLINO_S3_ACCESS_KEY" not in told
    assert "archive" not in buckets(*settings)["services"]


def test_it_is_fetched_only_where_a_moment_is_said() -> None:
    first = postgres(*ARCHIVED, "postgres.archive.restore=latest")["initContainers"]
    assert [one["name"] for one in first] == ["fetch", "bootstrap"]
    assert first[0]["args"] == ["archive", "fetch", "/data"]
    assert [one["name"] for one in postgres(*ARCHIVED)["initContainers"]] == ["bootstrap"]


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-28", "2026-11-28T10:00:00", "2026-11-28T10:00:00Z'; DROP"])
def test_what_is_no_moment_is_refused(moment: str) -> None:
    said = refusal("defaults", *ARCHIVED, f"postgres.archive.restore={moment}")
    assert "at '/postgres/archive/restore'" in said
    assert "does not match pattern" in said


def test_an_archive_wants_backups() -> None:
    said = refusal("defaults", "postgres.archive.enabled=true")
    assert "postgres.archive.enabled: its log goes where backups go" in said
