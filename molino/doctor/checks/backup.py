"""The age of the newest backup, where they are made."""

from collections.abc import Iterator
from datetime import UTC, datetime

from molino.backup.opening import open_vault
from molino.backup.settings import BackupSettings
from molino.contracts.errors import MolinoError
from molino.contracts.settings import Settings, read_environment
from molino.doctor.finding import Finding, judge, ok
from molino.doctor.kubernetes import Api, age_of

MOST_HOURS = 26.0
"""Where no schedule is known: a daily one was missed."""
LATE_HOURS = 0.25
"""Beyond two of a schedule's intervals, as the alert MolinoBackupOld has it."""
ADVICE = "make one (molino backup create), and see why none was: docs/runbooks/MolinoBackupOld.md"


def check(settings: Settings) -> Iterator[Finding]:
    """Look at the CronJob of a cluster, or into the store of backups that the settings name."""
    api = Api.here()
    if api is not None:
        if api.settings.backup:
            yield of_cron_job(api, api.settings.backup)
        return
    try:
        backup = read_environment(BackupSettings)
        with open_vault(settings, backup) as vault:
            ids = vault.ids()
            created = vault.read(ids[0]).created if ids else None
    except (MolinoError, OSError) as error:
        yield Finding("backup", "fail", str(error), "check MOLINO_BACKUP_*, then: molino backup verify")
        return
    if created is None and backup.store is None:
        yield ok("backup", "none was ever made (molino backup create)")
    else:
        yield _judged(
            None if created is None else (datetime.now(UTC) - created).total_seconds(), str(vault.store.uri(""))
        )


def of_cron_job(api: Api, name: str) -> Finding:
    """Return how long ago a CronJob last went well."""
    try:
        job = api.get(f"/apis/batch/v1/namespaces/{api.settings.namespace}/cronjobs/{name}")
    except OSError as error:
        return Finding("backup", "fail", f"CronJob {name}: {error}", "check backup.enabled, and docs/rbac.md")
    if job["spec"].get("suspend"):
        advice = "backup.config.suspend: false lets it go on"
        return Finding("backup", "warn", f"CronJob {name} is suspended", advice)
    last, most = job.get("status", {}).get("lastSuccessfulTime"), _most_hours(job["spec"]["schedule"])
    if last is None and age_of(job["metadata"]["creationTimestamp"]) < most * 3600:
        return ok("backup", f"CronJob {name} is new, and has made none yet")
    return _judged(None if last is None else age_of(last), f"CronJob {name}", most)


def _most_hours(schedule: str) -> float:
    """Return how old the newest backup may be: two intervals of a schedule are missed beyond that."""
    from croniter import croniter

    times = croniter(schedule, datetime.now(UTC))
    next_time = times.get_next(datetime)
    return (next_time - times.get_prev(datetime)).total_seconds() / 3600 * 2 + LATE_HOURS


def _judged(seconds: float | None, where: str, most_hours: float = MOST_HOURS) -> Finding:
    if seconds is None:
        return Finding("backup", "fail", f"{where} has never made one", ADVICE)
    hours = seconds / 3600
    return judge("backup", hours <= most_hours, f"the newest of {where} is {hours:.1f} h old", ADVICE)
