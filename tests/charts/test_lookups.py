"""What the chart finds in the cluster at install: what is missing there is said, and what was made once is kept."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rendering import CHART, helm, options, parse
from stand_in_cluster import backed_up, claims, deployed, namespace, secret, stand_in_cluster, storage_class

DATABASE = {"airflow-password": "YQ==", "mlflow-password": "Yg==", "mlflow-auth-password": "Yw=="}
Found = tuple[str, dict[str, Any]]
DEFAULT = namespace("default")
HELD = {"username": "YQ==", "password": "Yg==", "flask-secret-key": "Yw=="}


def install(folder: Path, *objects: Found, settings: tuple[str, ...] = (), values: str = "kind") -> tuple[str, str]:
    """Render as at install; return what helm renders, and what it says."""
    with stand_in_cluster(folder, DEFAULT, *objects) as kubeconfig:
        place = [
            "--namespace",
            "molino",
            "--kubeconfig",
            kubeconfig,
            "--dry-run=server",
            "--disable-openapi-validation",
        ]
        done = helm("template", "molino", CHART, *place, *options(values, *settings))
    return done.stdout, done.stderr


def test_a_missing_secret_is_named_with_its_keys(tmp_path: Path) -> None:
    _, said = install(tmp_path, namespace("molino"), settings=("mlflow.auth.existingSecret=own",))
    assert "mlflow.auth.existingSecret: there is no Secret own in namespace molino; make it, with the keys" in said
    assert "username, password, flask-secret-key" in said


def test_a_namespace_that_helm_is_to_make_has_no_secret_yet(tmp_path: Path) -> None:
    _, said = install(tmp_path, settings=("mlflow.auth.existingSecret=own",))
    assert "there is no Secret own in namespace molino" in said


@pytest.mark.parametrize("lacking", HELD)
def test_a_missing_key_is_named(lacking: str, tmp_path: Path) -> None:
    own = secret("own", **{key: value for key, value in HELD.items() if key != lacking})
    _, said = install(tmp_path, own, settings=("mlflow.auth.existingSecret=own",))
    assert f"the Secret own lacks the keys {lacking}" in said


def test_a_secret_with_all_keys_is_taken(tmp_path: Path) -> None:
    rendered, said = install(tmp_path, secret("own", **HELD), settings=("mlflow.auth.existingSecret=own",))
    assert (bool(rendered), said) == (True, "")


def test_only_the_keys_of_notices_that_are_wanted_are_looked_for(tmp_path: Path) -> None:
    on = ("notices.enabled=true", "notices.slack.enabled=true", "notices.auth.existingSecret=own")
    _, said = install(tmp_path, secret("own", **{"webhook-url": "YQ=="}), settings=on)
    assert "notices.auth.existingSecret: the Secret own lacks the keys slack-url" in said


def test_the_authority_of_the_database_is_looked_for(tmp_path: Path) -> None:
    settings = ("database.sslmode=verify-full", "database.caSecret=own")
    _, said = install(tmp_path, secret("molino-database", **DATABASE), settings=settings, values="production")
    assert "database.caSecret: there is no Secret own in namespace molino; make it, with the keys ca.crt" in said


def test_an_unknown_storage_class_is_named_beside_the_known_ones(tmp_path: Path) -> None:
    _, said = install(tmp_path, storage_class("fast"), settings=("minio.persistence.storageClass=none-such",))
    assert "minio.persistence.storageClass: there is no class none-such in this cluster; there are: fast" in said


def test_a_known_storage_class_is_taken(tmp_path: Path) -> None:
    rendered, said = install(tmp_path, storage_class("fast"), settings=("minio.persistence.storageClass=fast",))
    assert (bool(rendered), said) == (True, "")


@pytest.mark.parametrize("setting", ["storageClass=-", "existingClaim=own,minio.persistence.storageClass=none-such"])
def test_no_class_is_looked_for_where_none_is_used(setting: str, tmp_path: Path) -> None:
    rendered, said = install(tmp_path, storage_class("fast"), settings=(f"minio.persistence.{setting}",))
    assert (bool(rendered), said) == (True, "")


def test_nothing_is_looked_for_where_it_is_not_wanted(tmp_path: Path) -> None:
    settings = ("mlflow.auth.existingSecret=own", "minio.persistence.storageClass=none-such", "checks=false")
    rendered, said = install(tmp_path, settings=settings)
    assert (bool(rendered), said) == (True, "")


SECRETS = ("airflow", "minio", "mlflow", "postgres", "serving", "tensorboard")


def made(rendered: str) -> dict[str, dict[str, str]]:
    """Return the data of each Secret that is rendered, by component."""
    documents = [one for one in parse(rendered) if one["kind"] == "Secret"]
    return {one["metadata"]["name"].removeprefix("molino-"): one["data"] for one in documents}


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, str]]]:
    """The Secrets of two installations."""
    return [made(install(tmp_path_factory.mktemp("made"), values="defaults")[0]) for _ in range(2)]


@pytest.mark.parametrize("component", SECRETS)
def test_what_was_made_once_is_kept(component: str, twice: list[dict[str, dict[str, str]]], tmp_path: Path) -> None:
    first, _ = twice
    held = secret(f"molino-{component}", **first[component])
    assert made(install(tmp_path, held, values="defaults")[0])[component] == first[component]


@pytest.mark.parametrize("component", SECRETS)
def test_what_is_made_is_made_anew_for_each_installation(
    component: str, twice: list[dict[str, dict[str, str]]]
) -> None:
    first, second = twice
    assert first[component] != second[component]


def test_a_password_of_the_values_goes_before_the_one_that_was_made(tmp_path: Path) -> None:
    rendered, _ = install(
        tmp_path, secret("molino-mlflow", **HELD), settings=("mlflow.auth.password=another-password",)
    )
    assert base64.b64decode(made(rendered)["mlflow"]["password"]) == b"another-password"


def size(rendered: str) -> str:
    """Return the size that MinIO's claims are made with."""
    (found,) = (
        one for one in parse(rendered) if one["metadata"]["name"] == "molino-minio" and one["kind"] == "StatefulSet"
    )
    return str(found["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"])


def test_a_larger_volume_says_how_it_grows(tmp_path: Path) -> None:
    _, said = install(tmp_path, *claims("5Gi"), settings=("minio.persistence.size=40Gi",))
    assert "minio.persistence.size: the claim data-molino-minio-0 has 5Gi" in said
    assert (
        """patch pvc data-molino-minio-0 --patch '{"spec": {"resources": {"requests": {"storage": "40Gi"}}}}'""" in said
    )


def test_a_volume_that_has_grown_is_taken_and_the_statefulset_left(tmp_path: Path) -> None:
    rendered, said = install(tmp_path, *claims("5Gi", "40Gi"), settings=("minio.persistence.size=40Gi",))
    assert (said, size(rendered)) == ("", "5Gi")


def test_a_size_in_another_unit_is_the_same(tmp_path: Path) -> None:
    rendered, said = install(tmp_path, *claims("5Gi"), settings=("minio.persistence.size=5120Mi",))
    assert (said, size(rendered)) == ("", "5Gi")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("existingClaim=own", "minio.persistence.existingClaim: a StatefulSet's claim can't be changed: kubectl"),
        ("accessMode=ReadWriteMany", "minio.persistence.accessMode is ReadWriteOnce there"),
        ("storageClass=fast", "minio.persistence.storageClass is that of the cluster there"),
    ],
)
def test_what_a_volume_cannot_become_is_said(setting: str, said: str, tmp_path: Path) -> None:
    settings = (f"minio.persistence.{setting}",)
    assert said in install(tmp_path, storage_class("fast"), *claims("5Gi"), settings=settings)[1]


SPREAD = "http://molino-minio-{0...3}.molino-minio-pods.molino.svc:9000/data"


@pytest.mark.parametrize(
    ("stores", "setting", "said"),
    [
        ("/data", "enabled=true", "the number of MinIO's pods there is 1"),
        (SPREAD, "enabled=false", "the number of MinIO's pods there is 4"),
        (SPREAD, "enabled=true,minio.distributed.replicas=5", "the number of MinIO's pods there is 4"),
        (SPREAD, "enabled=true", ""),
        ("/data", "enabled=false", ""),
    ],
)
def test_what_is_stored_stays_spread_as_it_is(stores: str, setting: str, said: str, tmp_path: Path) -> None:
    rendered, told = install(tmp_path, *claims("5Gi", stores=stores), settings=(f"minio.distributed.{setting}",))
    assert (said in told, bool(rendered), bool(told)) == (True, not said, bool(said))


OLD = (deployed("molino-mlflow", "mlflow", "molino-mlflow:0.0.9"),)
SAME = (
    deployed("molino-mlflow", "mlflow", "molino-mlflow:0.1.0"),
    deployed("molino-airflow-scheduler", "scheduler", "molino-airflow:0.1.0"),
)
OLD_AIRFLOW = (deployed("molino-airflow-scheduler", "scheduler", "molino-airflow:0.0.9"),)


def ago(hours: float) -> str:
    return f"{datetime.now(UTC) - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(("part", "there"), [("mlflow", OLD), ("airflow", OLD_AIRFLOW)])
def test_no_database_is_migrated_without_a_backup(part: str, there: tuple[Found, ...], tmp_path: Path) -> None:
    rendered, said = install(tmp_path, *there, values="defaults")
    wanted = f"{part}: molino-{part}:0.1.0 takes the place of molino-{part}:0.0.9 and may migrate its database"
    assert (rendered, f"{wanted}, and there is no backup: set backup.enabled" in said) == ("", True)


def test_an_old_backup_is_none_and_the_line_says_how_to_make_one(tmp_path: Path) -> None:
    moment = ago(25)
    _, said = install(tmp_path, *OLD, backed_up(moment), values="defaults")
    assert (
        f"the newest backup is of {moment}: kubectl --namespace molino create job --from=cronjob/molino-backup" in said
    )


@pytest.mark.parametrize(
    ("found", "settings"),
    [
        ((*OLD, backed_up(ago(23))), ()),
        ((*OLD, backed_up(ago(25))), ("backup.config.freshHours=48",)),
        (OLD, ("backup.config.freshHours=0",)),
        (OLD, ("checks=false",)),
        (OLD, ("mlflow.enabled=false", "mlflow.externalUrl=https://own", "mlflow.auth.existingSecret=own")),
        (SAME, ()),
        ((), ()),
    ],
)
def test_what_migrates_nothing_or_has_a_backup_goes_through(
    found: tuple[Found, ...], settings: tuple[str, ...], tmp_path: Path
) -> None:
    rendered, said = install(tmp_path, secret("own", **HELD), *found, settings=settings, values="defaults")
    assert (bool(rendered), said) == (True, "")


def test_on_ones_own_machine_images_change_as_they_like(tmp_path: Path) -> None:
    rendered, said = install(tmp_path, *OLD, values="kind")
    assert (bool(rendered), said) == (True, "")
