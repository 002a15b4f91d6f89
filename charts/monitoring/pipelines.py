"""What is watched of the pipelines, by the records in the store (`molino metrics`) and by what Airflow counts.

Airflow's metrics are the counters and gauges that its OpenTelemetry exporter sends and a collector's exporter gives to
Prometheus, with underscores for dots. Its timers are exponential histograms, which that leaves out.
"""

from charts.monitoring.parts import RATE, Alert, Dashboard, Group, Panel

ALL = 'namespace="$namespace"'
STUCK_HOURS = 6
"""Airflow's own bound for a step."""


def newest(metric: str, selector: str = "", by: str = "") -> str:
    """Return a metric of the newest run of each model."""
    chosen = ", ".join(filter(None, (ALL, selector)))
    return f"max by (namespace, model{f', {by}' if by else ''}) ({metric}{{{chosen}}})"


FRESH = f"(time() - {newest('molino_pipeline_last_record_timestamp_seconds')}) / 3600"
WAITING = newest("molino_pipeline_waits_for_approval")
WAITING_HOURS = 24
UNFINISHED = newest("molino_pipeline_last_run_state", 'state="unfinished"')
REGISTERED = newest("molino_pipeline_step_done", 'step="register"')
DEPLOYED = newest("molino_pipeline_step_done", 'step="deploy"')
READ = newest("molino_data_rows", 'kind="read"')
SET_ASIDE = newest("molino_data_rows", 'kind="quarantined"')
LATE = (
    f"(time() - {newest('molino_pipeline_last_run_started_timestamp_seconds')}) "
    f"/ clamp_min({newest('molino_pipeline_interval_seconds')}, 3600)"
)
_FAILURES = f'airflow_ti_finish{{{ALL}, state="failed"}}'
FAILED = (
    f"(sum by (namespace, dag_id) (({_FAILURES} unless {_FAILURES} offset 1h) or increase({_FAILURES}[1h])) "
    f"or 0 * sum by (namespace, dag_id) (airflow_ti_finish{{{ALL}}}))"
)
"""A counter is there from the first failure on, which is no increase of one."""
_SCHEDULED, _OPEN = (
    f"max by (namespace, pool_name) (airflow_pool_{slots}_slots{{{ALL}}})" for slots in ("scheduled", "open")
)
STARVING = f"sum by (namespace) ({_SCHEDULED} and ({_OPEN} <= 0) or 0 * {_OPEN})"
"""Tasks that are to run, of pools without a free slot. Airflow's own count of starving tasks leaves out pools that are
full already when its scheduler comes round."""
IMPORT_ERRORS = f"max by (namespace) (airflow_dag_processing_import_errors{{{ALL}}})"

RECORDS = (
    Alert(
        "MolinoModelRefused",
        newest("molino_pipeline_last_run_state", 'state="rejected"'),
        "== 1",
        "warning",
        "The gate refused the newest candidate of {{ $labels.model }}",
    ),
    Alert(
        "MolinoReleasePutBack",
        f"{REGISTERED} - {DEPLOYED} - {WAITING}",
        "== 1",
        "critical",
        "The newest release of {{ $labels.model }} is registered and not in service",
        "45m",
    ),
    Alert(
        "MolinoApprovalWaiting",
        f"{FRESH} * {WAITING}",
        f"> {WAITING_HOURS}",
        "info",
        "The newest release of {{ $labels.model }} has waited {{ $value | humanize }} hours for a person to approve it",
    ),
    Alert(
        "MolinoRunStuck",
        f"{FRESH} * {UNFINISHED} * (1 - {WAITING})",
        f"> {STUCK_HOURS}",
        "warning",
        "The newest run of {{ $labels.model }} has left no record for {{ $value | humanize }} hours",
    ),
    Alert(
        "MolinoRunLate",
        LATE,
        "> 2",
        "warning",
        "No run of {{ $labels.model }} has begun for {{ $value | humanize }} times its usual interval",
        "10m",
    ),
    Alert(
        "MolinoRowsSetAside",
        f"{SET_ASIDE} / ({READ} > 0)",
        "> 0.05",
        "warning",
        "{{ $value | humanizePercentage }} of the rows for {{ $labels.model }} are faulty and set aside",
    ),
    Alert(
        "MolinoDataRefused",
        newest("molino_data_changes", 'refused="true"'),
        "> 0",
        "warning",
        "The newest data of {{ $labels.model }} differs so much from the last that it is refused",
    ),
    Alert(
        "MolinoRecordUnreadable",
        newest("molino_pipeline_last_run_state", 'state="unreadable"'),
        "== 1",
        "warning",
        "A record of the newest run of {{ $labels.model }} can't be read",
    ),
    Alert(
        "MolinoStoreUnreachable",
        f"min by (namespace) (molino_store_up{{{ALL}}})",
        "== 0",
        "critical",
        "The store with records, data and releases doesn't answer",
        "5m",
    ),
)

AIRFLOW = (
    Alert(
        "MolinoDagFailed",
        FAILED,
        "> 0",
        "warning",
        "A task of {{ $labels.dag_id }} has failed, after all its tries",
    ),
    Alert(
        "MolinoQueueStarving",
        STARVING,
        "> 0",
        "warning",
        "{{ $value }} tasks wait for a slot of their pool",
        "30m",
    ),
    Alert(
        "MolinoDagImportFailed",
        IMPORT_ERRORS,
        "> 0",
        "warning",
        "{{ $value }} DAG files can't be read",
        "10m",
    ),
    Alert(
        "MolinoSchedulerStill",
        f"sum by (namespace) (rate(airflow_scheduler_heartbeat{{{ALL}}}[5m]))",
        "== 0",
        "critical",
        "Airflow's scheduler starts nothing any more",
        "5m",
    ),
)

GROUPS = (Group("molino-pipelines", RECORDS), Group("molino-airflow", AIRFLOW))

PIPELINES = Dashboard(
    "pipelines",
    "Pipelines",
    (
        Panel("Runs, by what became of them", {"{{model}} {{state}}": newest("molino_pipeline_runs", by="state")}),
        Panel("The newest run", {
            "{{model}} {{state}}": f"{newest('molino_pipeline_last_run_state', by='state')} == 1"
        }, kind="stat"),
        Panel("Hours since the newest run began, and since its last record", {
            "{{model}} began": f"(time() - {newest('molino_pipeline_last_run_started_timestamp_seconds')}) / 3600",
            "{{model}} record": FRESH,
        }, "h"),
        Panel("Duration of steps, by record", {
            "{{model}} {{step}}": newest("molino_pipeline_step_seconds", by="step")
        }, "s"),
        Panel("Failed tasks in an hour", {"{{dag_id}}": FAILED}),
        Panel("Tasks that run, wait, and starve", {
            "running": f"sum(airflow_pool_running_slots{{{ALL}}})",
            "queued": f"sum(airflow_pool_queued_slots{{{ALL}}})",
            "starving": STARVING,
        }),
        Panel("Time since the last run began, in usual intervals", {"{{model}}": LATE}),
        Panel("Heartbeats of the scheduler, and files that can't be read", {
            "heartbeats": f"sum(rate(airflow_scheduler_heartbeat{{{ALL}}}[{RATE}]))",
            "import errors": IMPORT_ERRORS,
        }),
    ),
)  # fmt: skip

DATA = Dashboard(
    "data-quality",
    "Data quality",
    (
        Panel("Rows of the newest run", {"{{model}} {{kind}}": newest("molino_data_rows", by="kind")}),
        Panel("Share of rows that are set aside", {"{{model}}": f"{SET_ASIDE} / ({READ} > 0)"}, "percentunit"),
        Panel("Differences to the last data version", {
            "{{model}} refused: {{refused}}": newest("molino_data_changes", by="refused")
        }),
        Panel("What the gate said: 1 accepted", {"{{model}}": newest("molino_gate_accepted")}, kind="stat"),
        Panel("Metrics of the newest candidate on held-out rows", {
            "{{model}} {{candidate}} {{metric}}": newest("molino_candidate_score", by="candidate, metric")
        }),
        Panel("Values of requests outside a feature's range, per second", {
            "{{model}} {{feature}}": "topk(10, sum by (model, feature) "
            f"(rate(molino_drift_outside_total{{{ALL}}}[{RATE}])))"
        }),
    ),
)  # fmt: skip

DASHBOARDS = (PIPELINES, DATA)
