"""What the doctor says of a cluster, by what an API server answers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from molino.doctor.checks import airflow_secrets, backup, quota
from molino.doctor.finding import Finding
from molino.doctor.kubernetes import Api, DoctorSettings
from tests.molino.doctor.servers import issue, run

NAMESPACE = "/api/v1/namespaces/molino"
PODS = f"{NAMESPACE}/pods?labelSelector=app.kubernetes.io/instance%3Dmolino"
CRON_JOB = "/apis/batch/v1/namespaces/molino/cronjobs/molino-backup"
NEEDS = {"pods": (1.0, "any step"), "requests.cpu": (2.0, "train of m"), "limits.memory": (2.0**31, "train of m")}
CHANGED = datetime(2026, 11, 27, 10, tzinfo=UTC)


@contextmanager
def api_of(folder: Path, answers: Mapping[str, Any], token: str = "the-token") -> Iterator[Api]:
    (folder / "token").write_text(token)
    context = issue(folder)
    settings = DoctorSettings(namespace="molino", selector="app.kubernetes.io/instance=molino", backup="molino-backup")
    with run(answers, context) as url:
        yield Api(url, folder, settings)


def told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def pod(name: str, minutes: float, secret: str = "molino-airflow") -> dict[str, Any]:
    """Return a pod of Airflow that was started so many minutes after its Secret was changed."""
    keys = {"AIRFLOW__API_AUTH__JWT_SECRET": "jwt-secret", "AIRFLOW__CORE__FERNET_KEY": "fernet-key"}
    env = [{"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}} for name, key in keys.items()]
    started = {"running": {"startedAt": told(CHANGED + timedelta(minutes=minutes))}}
    return {
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "env": env}, {"name": "beside"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", "state": started}]},
    }


def secret() -> dict[str, Any]:
    """Return a Secret's metadata: long there, its keys changed once, its labels later."""
    keys = {"f:data": {"f:jwt-secret": {}, "f:fernet-key": {}}}
    return {
        "metadata": {
            "creationTimestamp": told(CHANGED - timedelta(days=30)),
            "managedFields": [
                {"manager": "helm", "time": told(CHANGED - timedelta(days=30)), "fieldsV1": keys},
                {"manager": "kubectl", "time": told(CHANGED), "fieldsV1": keys},
                {"manager": "labels", "time": told(CHANGED + timedelta(days=1)), "fieldsV1": {"f:metadata": {}}},
            ],
        }
    }


def agreement(folder: Path, *pods: dict[str, Any]) -> list[Finding]:
    answers = {PODS: {"items": list(pods)}, f"{NAMESPACE}/secrets/molino-airflow": secret()}
    with api_of(folder, answers) as api:
        return list(airflow_secrets.agreement(api))


def test_parts_that_were_started_after_the_secret_changed_agree(tmp_path: Path) -> None:
    found = agreement(tmp_path, pod("scheduler", 1), pod("api", 60), {**pod("old", -60), "status": {"phase": "Failed"}})
    assert [(one.subject, one.level) for one in found] == [
        ("JWT secret of Airflow", "ok"),
        ("Fernet key of Airflow", "ok"),
    ]
    assert found[0].seen == "2 pods have it from molino-airflow/jwt-secret, as it is now"


def test_a_part_that_was_started_with_an_older_secret_is_to_be_started_anew(tmp_path: Path) -> None:
    found = agreement(tmp_path, pod("scheduler", -1), pod("api", 60))
    assert [one.level for one in found] == ["fail", "fail"]
    assert found[0].seen.startswith("scheduler: started before Secret molino-airflow changed at 2026-11-27 10:00:00")
    assert found[0].advice == "start them anew: kubectl --namespace molino delete pod scheduler"


def test_parts_with_different_secrets_do_not_agree(tmp_path: Path) -> None:
    found = agreement(tmp_path, pod("scheduler", 1, "other"), pod("api", 60))
    assert {one.seen for one in found} == {
        "pods take it from molino-airflow/jwt-secret and other/jwt-secret",
        "pods take it from molino-airflow/fernet-key and other/fernet-key",
    }


def test_an_account_without_rights_is_told_where_they_are_listed(tmp_path: Path) -> None:
    with api_of(tmp_path, {}, token="another") as api:
        found = [*airflow_secrets.agreement(api), *quota.room(api, NEEDS), backup.of_cron_job(api, "molino-backup")]
    assert {one.level for one in found} == {"fail"}
    assert all("403" in one.seen and "docs/rbac.md" in one.advice for one in found)


def room(folder: Path, hard: Mapping[str, str], used: Mapping[str, str], *limits: Mapping[str, Any]) -> list[Finding]:
    quotas = [{"metadata": {"name": "q"}, "spec": {"hard": hard}, "status": {"hard": hard, "used": used}}]
    answers = {
        f"{NAMESPACE}/resourcequotas": {"items": quotas if hard else []},
        f"{NAMESPACE}/limitranges": {"items": [{"spec": {"limits": list(limits)}}] if limits else []},
    }
    with api_of(folder, answers) as api:
        return list(quota.room(api, NEEDS))


@pytest.mark.parametrize(
    ("hard", "used", "level", "seen"),
    [
        ({}, {}, "ok", "none in molino"),
        (
            {"cpu": "8", "limits.memory": "16Gi", "pods": "50"},
            {"cpu": "500m"},
            "ok",
            "has room for the pod of any step",
        ),
        (
            {"requests.cpu": "8"},
            {"requests.cpu": "6500m"},
            "warn",
            "requests.cpu: 1.5 of 8 left, and train of m wants 2",
        ),
        ({"limits.memory": "1Gi"}, {}, "fail", "limits.memory: 1Gi of 1Gi left, and train of m wants 2Gi"),
        ({"count/pods": "9"}, {"count/pods": "9"}, "warn", "count/pods: 0 of 9 left, and any step wants 1"),
        ({"limits.cpu": "9"}, {}, "fail", "it wants limits.cpu, which steps don't set: no pod can be"),
    ],
)
def test_a_quota_has_room_for_the_pods_of_steps_or_not(
    tmp_path: Path, hard: Mapping[str, str], used: Mapping[str, str], level: str, seen: str
) -> None:
    (finding,) = room(tmp_path, hard, used)
    assert (finding.level, finding.seen) == (level, seen)


def test_a_limit_range_that_lets_no_such_container_be_is_bad(tmp_path: Path) -> None:
    (finding,) = room(
        tmp_path, {}, {}, {"type": "Container", "max": {"cpu": "1"}}, {"type": "Pod", "max": {"cpu": "1"}}
    )
    assert (finding.level, finding.seen) == ("fail", "train of m wants 2 cpu, more than max 1")


def test_needs_are_those_of_the_model_files() -> None:
    assert quota.needs()["requests.cpu"][0] >= 0.5


@pytest.mark.parametrize(
    ("schedule", "suspend", "made", "last", "level"),
    [
        ("*/15 * * * *", False, 300, 0.2, "ok"),
        ("*/15 * * * *", False, 300, 1, "fail"),
        ("*/15 * * * *", False, 300, None, "fail"),
        ("*/15 * * * *", False, 0.5, None, "ok"),
        ("*/15 * * * *", True, 300, 0.2, "warn"),
        ("0 3 * * 0", False, 2000, 160, "ok"),
        ("0 3 * * 0", False, 2000, 340, "fail"),
        ("0 3 * * 0", False, 100, None, "ok"),
    ],
)
def test_the_newest_backup_is_no_older_than_two_intervals_of_its_schedule(
    tmp_path: Path, schedule: str, suspend: bool, made: float, last: float | None, level: str
) -> None:
    now = datetime.now(UTC)
    status = {} if last is None else {"lastSuccessfulTime": told(now - timedelta(hours=last))}
    spec = {"schedule": schedule, "suspend": suspend}
    job = {"metadata": {"creationTimestamp": told(now - timedelta(hours=made))}, "spec": spec}
    with api_of(tmp_path, {CRON_JOB: {**job, "status": status}}) as api:
        finding = backup.of_cron_job(api, "molino-backup")
    assert finding.level == level, finding
    assert bool(finding.advice) == (level != "ok")


@pytest.mark.parametrize(
    ("written", "number"),
    [("2", 2), ("500m", 0.5), ("1.5Gi", 1.5 * 2**30), ("1e3", 1000), ("1E", 1e18), ("1Ei", 2**60), ("3n", 3e-9)],
)
def test_a_quantity_is_read_in_each_form_that_kubernetes_has(written: str, number: float) -> None:
    assert quota.amount(written) == pytest.approx(number)
