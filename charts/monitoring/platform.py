"""What is watched of all that Molino stands on: pods, volumes, backups, certificates, MinIO, Postgres, MLflow.

The metrics are those of kube-state-metrics, the kubelet, cert-manager, MinIO, postgres_exporter and MLflow, which
counts all requests but health checks and transfers of artifacts; what isn't scraped is not watched, and its alerts are
silent.
"""

from charts.monitoring.parts import RATE, Alert, Dashboard, Group, Panel

ALL = 'namespace="$namespace"'


def of_backup(*metrics: str) -> str:
    """Return the first of some metrics that each CronJob of backups has; one that restores is none of them."""
    chosen = (f'max by (namespace, cronjob) ({metric}{{{ALL}, cronjob=~".*backup"}})' for metric in metrics)
    return f"({' or '.join(chosen)})"


MADE = "kube_cronjob_created"
BACKUP_AGE = f"(time() - {of_backup('kube_cronjob_status_last_successful_time', MADE)}) / 3600"
"""Hours since the last one that went well, or since there is a CronJob of which none ever has."""
BACKUP_EVERY = (
    f"({of_backup('kube_cronjob_next_schedule_time')} "
    f"- {of_backup('kube_cronjob_status_last_schedule_time', MADE)}) / 3600"
)
"""Hours between two that are scheduled, at most until the first of all; nothing of one that is suspended."""
BACKUP_LATE = f"> (({BACKUP_EVERY}) * 2 + 0.25 or ({BACKUP_AGE}) * 0 + 26)"
"""Two were missed; where no schedule is known, as of one that is suspended, a daily one was."""
CERTIFICATE_DAYS = (
    f"(min by (namespace, name) (certmanager_certificate_expiration_timestamp_seconds{{{ALL}}}) - time()) / 86400"
)
FREE = (
    f"min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes{{{ALL}}} "
    f"/ kubelet_volume_stats_capacity_bytes{{{ALL}}})"
)
RESTARTS = f"sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total{{{ALL}}}[1h]))"
UNAVAILABLE = f"max by (namespace, deployment) (kube_deployment_status_replicas_unavailable{{{ALL}}})"
OBJECTS_FREE = (
    f"min by (namespace) (minio_cluster_capacity_usable_free_bytes{{{ALL}}} "
    f"/ minio_cluster_capacity_usable_total_bytes{{{ALL}}})"
)
CONNECTIONS = (
    f"sum by (namespace) (pg_stat_activity_count{{{ALL}}}) / max by (namespace) (pg_settings_max_connections{{{ALL}}})"
)
ARCHIVE_AGE = (
    f"(max by (namespace) (pg_stat_archiver_last_archive_age{{{ALL}}} >= 0) "
    f"or (max by (namespace) (pg_stat_archiver_failed_count{{{ALL}}}) > 0) * Inf) / 60"
)
"""Minutes since the log was last archived, without end where it fails and never was: its age is no number then.

Nothing of a Postgres whose log isn't archived.
"""
REQUESTS = f"sum by (namespace) (rate(mlflow_http_request_total{{{ALL}}}[5m]))"
REQUESTS_FAIL = (
    f'(sum by (namespace) (rate(mlflow_http_request_total{{{ALL}, status=~"5.."}}[5m])) or 0 * {REQUESTS}) '
    f"/ ({REQUESTS} > 0)"
)

GROUPS = (
    Group(
        "molino-platform",
        (
            Alert(
                "MolinoBackupOld",
                BACKUP_AGE,
                BACKUP_LATE,
                "critical",
                "No backup of {{ $labels.cronjob }} has gone well for {{ $value | humanize }} hours",
                "10m",
            ),
            Alert(
                "MolinoCertificateExpires",
                CERTIFICATE_DAYS,
                "< 14",
                "warning",
                "The certificate {{ $labels.name }} expires in {{ $value | humanize }} days",
                "1h",
            ),
            Alert(
                "MolinoVolumeFull",
                FREE,
                "< 0.1",
                "critical",
                "{{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }} left",
                "10m",
            ),
            Alert(
                "MolinoPodRestarts",
                RESTARTS,
                "> 3",
                "warning",
                "{{ $labels.pod }} was started anew {{ $value | humanize }} times in an hour",
            ),
            Alert(
                "MolinoPartUnavailable",
                UNAVAILABLE,
                "> 0",
                "warning",
                "{{ $value }} pods of {{ $labels.deployment }} aren't available",
                "15m",
            ),
            Alert(
                "MolinoObjectStorageFull",
                OBJECTS_FREE,
                "< 0.1",
                "critical",
                "MinIO has {{ $value | humanizePercentage }} of its space left",
                "10m",
            ),
            Alert(
                "MolinoDatabaseDown",
                f"min by (namespace) (pg_up{{{ALL}}})",
                "== 0",
                "critical",
                "Postgres doesn't answer its exporter",
                "3m",
            ),
            Alert(
                "MolinoLogNotArchived",
                ARCHIVE_AGE,
                "> 15",
                "critical",
                "Postgres' log was last archived {{ $value | humanize }} minutes ago",
                "5m",
            ),
            Alert(
                "MolinoDatabaseConnections",
                CONNECTIONS,
                "> 0.8",
                "warning",
                "{{ $value | humanizePercentage }} of Postgres' connections are taken",
                "10m",
            ),
            Alert(
                "MolinoTrackingFails",
                REQUESTS_FAIL,
                "> 0.05",
                "warning",
                "{{ $value | humanizePercentage }} of requests to MLflow fail",
                "10m",
            ),
        ),
    ),
)

PLATFORM = Dashboard(
    "platform",
    "Platform",
    (
        Panel("What is scraped: 1 answers", {"{{job}} {{pod}}": f"max by (job, pod) (up{{{ALL}}})"}, kind="stat"),
        Panel("Pods that aren't available", {"{{deployment}}": UNAVAILABLE}),
        Panel("Restarts in an hour", {"{{pod}}": RESTARTS}),
        Panel("Memory by pod", {
            "{{pod}}": f'sum by (pod) (container_memory_working_set_bytes{{{ALL}, container!=""}})'
        }, "bytes"),
        Panel("Processor by pod", {
            "{{pod}}": f'sum by (pod) (rate(container_cpu_usage_seconds_total{{{ALL}, container!=""}}[{RATE}]))'
        }, "cores"),
        Panel("Free space of volumes", {"{{persistentvolumeclaim}}": FREE}, "percentunit"),
        Panel("Hours since the last backup that went well", {"{{cronjob}}": BACKUP_AGE}, "h"),
        Panel("Days until certificates expire", {"{{name}}": CERTIFICATE_DAYS}, "d"),
        Panel("MinIO: objects, bytes and free space", {
            "bytes": f"max(minio_cluster_usage_total_bytes{{{ALL}}})",
            "objects": f"max(minio_cluster_usage_object_total{{{ALL}}})",
            "free": OBJECTS_FREE,
        }),
        Panel("Postgres: share of connections, and bytes by database", {
            "connections": CONNECTIONS,
            "{{datname}}": f"max by (datname) (pg_database_size_bytes{{{ALL}}})",
        }),
        Panel(
            "MLflow: requests per second, by status",
            {"{{status}}": f"sum by (status) (rate(mlflow_http_request_total{{{ALL}}}[{RATE}]))"},
            "reqps",
        ),
        Panel("MLflow: latency", {
            name: f"histogram_quantile({share}, sum by (le) "
            f"(rate(mlflow_http_request_duration_seconds_bucket{{{ALL}}}[{RATE}])))"
            for name, share in {"median": 0.5, "p90": 0.9, "p99": 0.99}.items()
        }, "s"),
        Panel("MLflow: requests that fail", {"": REQUESTS_FAIL}, "percentunit"),
    ),
)  # fmt: skip

DASHBOARDS = (PLATFORM,)
