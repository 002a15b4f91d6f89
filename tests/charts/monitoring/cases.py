"""What makes each alert ring, and what doesn't: series by promtool's notation, a sample a minute."""

from dataclasses import dataclass, field

ALL = 'namespace="molino"'
Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """Series in which an alert rings at a time, with labels of its own; and others in which it doesn't."""

    rings: Series
    at: str
    silent: dict[str, tuple[Series, str]]
    """By what is well in them: series, and the time at which they are looked at."""
    labels: dict[str, str] = field(default_factory=lambda: {"namespace": "molino"})
    every: str = "1m"
    """How often rules are evaluated."""


def requests(good: str, failed: str = "0x3000") -> Series:
    answer = f'molino_requests_total{{{ALL}, pod="a", route="/predict", method="POST", model="m", version="1"'
    return {f'{answer}, status="200"}}': good, f'{answer}, status="503"}}': failed}


def latency(all_of_them: str, quick: str) -> Series:
    labels = f'{ALL}, pod="a", route="/predict", model="m"'
    return {
        **requests(all_of_them),
        f"molino_request_duration_seconds_count{{{labels}}}": all_of_them,
        f'molino_request_duration_seconds_bucket{{{labels}, le="0.1"}}': quick,
    }


def gauge(name: str, values: str, /, **labels: str) -> Series:
    own = "".join(f', {label}="{value}"' for label, value in labels.items())
    return {f"{name}{{{ALL}{own}}}": values}


def up(values: str, job: str = "serving", pod: str = "a") -> Series:
    return gauge("up", values, job=job, pod=pod)


def failed(values: str, model: str = "m") -> Series:
    return gauge("molino_model_failed", values, model=model, pod="a")


def workers(values: str, version: str) -> Series:
    return gauge("molino_model_workers", values, model="m", version=version, pod=version)


def created(values: str, version: str = "1") -> Series:
    return gauge("molino_model_created_timestamp_seconds", values, model="m", version=version, pod="a")


def pool(scheduled: str, free: str, name: str = "own") -> Series:
    return gauge("airflow_pool_scheduled_slots", scheduled, pool_name=name) | gauge(
        "airflow_pool_open_slots", free, pool_name=name
    )


def never(minutes: int) -> str:
    """Return the age of what has never been: promtool repeats no such number."""
    return " ".join(["NaN"] * minutes)


def archiver(age: str, failed: str) -> Series:
    return gauge("pg_stat_archiver_last_archive_age", age) | gauge("pg_stat_archiver_failed_count", failed)


def drift(values: str) -> Series:
    return gauge("molino_drift_level", values, model="m", version="1", feature="f", window="3600", pod="a")


def state(name: str, values: str) -> Series:
    return gauge("molino_pipeline_last_run_state", values, model="m", state=name, pod="a")


def steps(register: str, deploy: str, waits: str = "0x70") -> Series:
    name = "molino_pipeline_step_done"
    done = gauge(name, register, model="m", step="register") | gauge(name, deploy, model="m", step="deploy")
    return done | waiting(waits)


def waiting(values: str) -> Series:
    """Return whether the newest run waits for a person's approval."""
    return gauge("molino_pipeline_waits_for_approval", values, model="m")


def recorded(values: str) -> Series:
    return gauge("molino_pipeline_last_record_timestamp_seconds", values, model="m")


def rows(read: str, aside: str) -> Series:
    name = "molino_data_rows"
    return gauge(name, read, model="m", kind="read") | gauge(name, aside, model="m", kind="quarantined")


def regular(began: str) -> Series:
    return gauge("molino_pipeline_last_run_started_timestamp_seconds", began, model="m") | gauge(
        "molino_pipeline_interval_seconds", "86400x30", model="m"
    )


def tasks(values: str, state: str = "failed") -> Series:
    return gauge("airflow_ti_finish", values, dag_id="m_data", task_id="ingest", state=state)


def backed_up(values: str, name: str = "molino-backup") -> Series:
    return gauge("kube_cronjob_status_last_successful_time", values, cronjob=name)


def scheduled(last: str, following: str) -> Series:
    """Return a CronJob's times, the last and the next one."""
    return gauge("kube_cronjob_status_last_schedule_time", last, cronjob="molino-backup") | following_at(following)


def following_at(values: str) -> Series:
    return gauge("kube_cronjob_next_schedule_time", values, cronjob="molino-backup")


def made(values: str, name: str = "molino-backup") -> Series:
    return gauge("kube_cronjob_created", values, cronjob=name)


def certificate(values: str) -> Series:
    return gauge("certmanager_certificate_expiration_timestamp_seconds", values, name="molino")


def volume(free: str) -> Series:
    claim = "data-molino-minio-0"
    return gauge("kubelet_volume_stats_available_bytes", free, persistentvolumeclaim=claim) | gauge(
        "kubelet_volume_stats_capacity_bytes", "100x70", persistentvolumeclaim=claim
    )


def objects(free: str) -> Series:
    return gauge("minio_cluster_capacity_usable_free_bytes", free) | gauge(
        "minio_cluster_capacity_usable_total_bytes", "100x70"
    )


def connections(values: str) -> Series:
    return (
        gauge("pg_stat_activity_count", values, datname="airflow", state="idle")
        | gauge("pg_stat_activity_count", values, datname="mlflow", state="active")
        | gauge("pg_settings_max_connections", "200x70")
    )


def tracking(good: str, failed: str) -> Series:
    """Return requests to MLflow, by two pods."""
    return gauge("mlflow_http_request_total", good, method="GET", status="200", pod="a") | gauge(
        "mlflow_http_request_total", failed, method="POST", status="500", pod="b"
    )


MODEL = {"namespace": "molino", "model": "m"}
WRONG = {key.replace("503", "422"): values for key, values in requests("0+60x120", "0+6x120").items()}
"""Requests of clients who don't know what is asked for."""
CASES = {
    "MolinoAvailabilityBurnsFast": Case(
        requests("0+60x120", "0+6x120"),
        "2h",
        {
            "one in two thousand": (requests("0+2000x120", "0+1x120"), "2h"),
            "it is over": (requests("0+60x120", "0+6x60 360x60"), "2h"),
            "few requests": (requests("0x120", "0x100 1 2 3 4 5 5x20"), "104m"),
            "wrong requests": (WRONG, "2h"),
        },
    ),
    "MolinoAvailabilityBurnsSlowly": Case(
        requests("0+1000x1500", "0+5x1500"),
        "1500m",
        {"one in two thousand": (requests("0+2000x1500", "0+1x1500"), "1500m")},
        every="5m",
    ),
    "MolinoLatencyBurnsFast": Case(
        latency("0+60x120", "0+40x120"),
        "2h",
        {
            "one in two hundred": (latency("0+200x120", "0+199x120"), "2h"),
            "few requests": (latency("0x100 1 2 3 4 5 5x20", "0x130"), "104m"),
        },
    ),
    "MolinoLatencyBurnsSlowly": Case(
        latency("0+1000x1500", "0+950x1500"),
        "1500m",
        {"one in two hundred": (latency("0+200x1500", "0+199x1500"), "1500m")},
        every="5m",
    ),
    "MolinoServingDown": Case(
        up("1x5 0x10") | up("1x20", job="minio"),
        "10m",
        {
            "one of two is up": (up("0x20") | up("1x20", pod="b"), "10m"),
            "a pod is started anew": (up("1x5 0 1x10"), "7m"),
        },
        {"namespace": "molino", "job": "serving"},
    ),
    "MolinoModelNotServed": Case(
        failed("1x20") | failed("0x20", "n"),
        "10m",
        {"it is tried again and well": (failed("1x3 0x20"), "10m"), "it is served": (failed("0x20"), "10m")},
        {"namespace": "molino", "model": "m"},
    ),
    "MolinoPointerUnreadable": Case(
        gauge("molino_pointer_failed", "1x20", pod="a"),
        "10m",
        {"it is read": (gauge("molino_pointer_failed", "0x20", pod="a"), "10m")},
    ),
    "MolinoVersionsDiffer": Case(
        workers("2x30", "1") | workers("2x30", "2"),
        "20m",
        {"a rollout": (workers("2x5 0x30", "1") | workers("2x30", "2"), "20m")},
        {"namespace": "molino", "model": "m"},
    ),
    "MolinoModelOld": Case(
        created("-4000000x70"),
        "70m",
        {"a newer version is served too": (created("-4000000x70") | created("-86400x70", "2"), "70m")},
        {"namespace": "molino", "model": "m"},
    ),
    "MolinoFeatureDrifted": Case(
        drift("2x50"),
        "40m",
        {"moderately": (drift("1x50"), "40m"), "a while": (drift("2x20 0x50"), "40m")},
        {"namespace": "molino", "model": "m", "feature": "f"},
    ),
    "MolinoCountersLost": Case(
        gauge("molino_counters_lost", "0x5 3x5", pod="a"),
        "8m",
        {"all have room": (gauge("molino_counters_lost", "0x10", pod="a"), "8m")},
        {"namespace": "molino", "pod": "a"},
    ),
    "MolinoModelRefused": Case(
        state("rejected", "0x5 1x10") | state("done", "1x5 0x10"),
        "10m",
        {"the next one is accepted": (state("rejected", "1x5 0x10"), "10m")},
        MODEL,
    ),
    "MolinoReleasePutBack": Case(
        steps("1x70", "0x70"),
        "60m",
        {
            "it is being deployed": (steps("0x40 1x30", "0x50 1x20"), "55m"),
            "it is in service": (steps("1x70", "1x70"), "60m"),
            "it was refused": (steps("1x70", "1x70") | state("rejected", "1x70"), "60m"),
            "it waits for an approval": (steps("1x70", "0x70", "1x70"), "60m"),
            "it was approved a while ago": (steps("1x70", "0x70", "1x40 0x30"), "60m"),
        },
        MODEL,
    ),
    "MolinoApprovalWaiting": Case(
        recorded("-90000x20") | waiting("1x20"),
        "15m",
        {
            "a while": (recorded("-80000x20") | waiting("1x20"), "15m"),
            "it was approved": (recorded("-90000x20") | waiting("0x20"), "15m"),
        },
        MODEL,
    ),
    "MolinoRunStuck": Case(
        recorded("-22000x20") | state("unfinished", "1x20") | waiting("0x20"),
        "15m",
        {
            "it has ended": (recorded("-22000x20") | state("unfinished", "0x20") | waiting("0x20"), "15m"),
            "it goes on": (recorded("-7200x20") | state("unfinished", "1x20") | waiting("0x20"), "15m"),
            "it waits for an approval": (recorded("-22000x20") | state("unfinished", "1x20") | waiting("1x20"), "15m"),
        },
        MODEL,
    ),
    "MolinoRunLate": Case(
        regular("-180000x30"),
        "25m",
        {
            "within its interval": (regular("-80000x30"), "25m"),
            "run by hand": (gauge("molino_pipeline_last_run_started_timestamp_seconds", "-9e6x30", model="m"), "25m"),
        },
        MODEL,
    ),
    "MolinoRowsSetAside": Case(
        rows("1000x10", "60x10"),
        "5m",
        {"some": (rows("1000x10", "40x10"), "5m"), "no rows at all": (rows("0x10", "0x10"), "5m")},
        MODEL,
    ),
    "MolinoDataRefused": Case(
        gauge("molino_data_changes", "1x10", model="m", refused="true"),
        "5m",
        {"only warned of": (gauge("molino_data_changes", "3x10", model="m", refused="false"), "5m")},
        MODEL,
    ),
    "MolinoRecordUnreadable": Case(
        state("unreadable", "1x10"), "5m", {"all are read": (state("unreadable", "0x10"), "5m")}, MODEL
    ),
    "MolinoStoreUnreachable": Case(
        gauge("molino_store_up", "1x5 0x10"), "12m", {"one scrape": (gauge("molino_store_up", "1x5 0 1x10"), "12m")}
    ),
    "MolinoDagFailed": Case(
        tasks("_x5 1x10"),  # There is no counter before the first failure.
        "12m",
        {
            "it went well": (tasks("0+1x15", "success"), "12m"),
            "long ago": (tasks("_x5 1x100"), "90m"),
            "long ago, more than once": (tasks("1x5 2x100"), "90m"),
        },
        {"namespace": "molino", "dag_id": "m_data"},
    ),
    "MolinoQueueStarving": Case(
        pool("2x50", "0x50"),
        "40m",
        {
            "a while": (pool("2x20 0x30", "0x50"), "40m"),
            "there are free slots": (pool("2x50", "3x50"), "40m"),
            "the full pool has all its tasks": (pool("0x50", "0x50") | pool("2x50", "9x50", "other"), "40m"),
        },
    ),
    "MolinoDagImportFailed": Case(
        gauge("airflow_dag_processing_import_errors", "1x20"),
        "15m",
        {"none": (gauge("airflow_dag_processing_import_errors", "0x20"), "15m")},
    ),
    "MolinoSchedulerStill": Case(
        gauge("airflow_scheduler_heartbeat", "0+12x10 120x20"),
        "25m",
        {
            "it beats": (gauge("airflow_scheduler_heartbeat", "0+12x30"), "25m"),
            "a new one takes over": (gauge("airflow_scheduler_heartbeat", "0+12x10 0+12x20"), "25m"),
        },
    ),
    "MolinoBackupOld": Case(
        backed_up("-1900x30") | scheduled("0x30", "900x30"),
        "25m",
        {
            "every quarter of an hour": (backed_up("-600x30") | scheduled("0x30", "900x30"), "14m"),
            "a weekly one of three days ago": (backed_up("-259200x30") | scheduled("-259200x30", "345600x30"), "25m"),
            "yesterday's": (backed_up("-80000x30"), "25m"),
            "a job of another kind": (backed_up("-9e5x30", "molino-prune"), "25m"),
            "a restore of long ago": (backed_up("-9e5x30", "molino-backup-restore"), "25m"),
            "made yesterday, weekly, none was due": (made("-86400x30") | following_at("259200x30"), "25m"),
            "made a week ago, the first has gone well": (
                made("-700000x30") | backed_up("-600x30") | scheduled("0x30", "900x30"),
                "14m",
            ),
        },
        {"namespace": "molino", "cronjob": "molino-backup"},
    ),
    "MolinoBackupOld, none ever went well": Case(
        made("-1900x30") | scheduled("0x30", "900x30"),
        "25m",
        {
            "it was made just now": (made("-600x30") | scheduled("0x30", "900x30"), "14m"),
            "it restores": (made("-9e5x30", "molino-backup-restore"), "25m"),
        },
        {"namespace": "molino", "cronjob": "molino-backup"},
    ),
    "MolinoCertificateExpires": Case(
        certificate("900000x90"),
        "80m",
        {
            "in a month": (certificate("2700000x90"), "80m"),
            "it is renewed": (certificate("900000x30 7700000x60"), "80m"),
        },
        {"namespace": "molino", "name": "molino"},
    ),
    "MolinoVolumeFull": Case(
        volume("5x30"),
        "25m",
        {"a fifth is free": (volume("20x30"), "25m")},
        {"namespace": "molino", "persistentvolumeclaim": "data-molino-minio-0"},
    ),
    "MolinoPodRestarts": Case(
        gauge("kube_pod_container_status_restarts_total", "0+0.2x60", pod="p", container="c"),
        "60m",
        {"once": (gauge("kube_pod_container_status_restarts_total", "0x30 1x30", pod="p", container="c"), "60m")},
        {"namespace": "molino", "pod": "p"},
    ),
    "MolinoPartUnavailable": Case(
        gauge("kube_deployment_status_replicas_unavailable", "1x30", deployment="molino-mlflow"),
        "20m",
        {"a rollout": (gauge("kube_deployment_status_replicas_unavailable", "1x5 0x30", deployment="d"), "20m")},
        {"namespace": "molino", "deployment": "molino-mlflow"},
    ),
    "MolinoObjectStorageFull": Case(objects("5x30"), "25m", {"a fifth is free": (objects("20x30"), "25m")}),
    "MolinoDatabaseDown": Case(
        gauge("pg_up", "1x5 0x20"), "12m", {"a restart": (gauge("pg_up", "1x5 0x1 1x20"), "12m")}
    ),
    "MolinoLogNotArchived": Case(
        gauge("pg_stat_archiver_last_archive_age", "0+60x40"),
        "32m",
        {
            "one minute after the other": (gauge("pg_stat_archiver_last_archive_age", "60x40"), "32m"),
            "none is wanted": (archiver(never(40), "0x40"), "32m"),
            "some failed, and it goes on": (archiver("60x40", "7x40"), "32m"),
        },
    ),
    "MolinoLogNotArchived, never": Case(
        archiver(never(40), "0+3x40"),
        "10m",
        {"the first ones failed": (archiver(f"{never(2)} 60x40", "1x60"), "10m")},
    ),
    "MolinoDatabaseConnections": Case(connections("90x30"), "25m", {"half of them": (connections("50x30"), "25m")}),
    "MolinoTrackingFails": Case(
        tracking("0+60x40", "0+6x40"),
        "30m",
        {
            "one in a hundred": (tracking("0+600x40", "0+6x40"), "30m"),
            "a restart of its database": (tracking("0+60x40", "0x10 0+60x3 180x30"), "30m"),
            "nobody asks": (tracking("5x40", "5x40"), "30m"),
        },
    ),
}
"""By alert, and what is special after a comma; labels are what the alert says beside its name and severity."""
