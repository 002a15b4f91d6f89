"""What is watched of the serving API: its objectives, the models that it serves, and what they are asked.

The alerts on objectives look at two windows at once, a long one that is slow to cry and a short one that is quick to
stop: a budget of 30 days that burns 14.4 times too fast for an hour has lost 2 % of itself, and so on (Beyer and
others, The Site Reliability Workbook, chapter 5, 2018).
"""

from charts.monitoring.parts import RATE, Alert, Dashboard, Group, Panel, Recording

ALL = 'namespace="$namespace"'
SERVERS = f'{ALL}, job=~"serving(-.+)?"'
"""The Deployment of all models, and those of groups of them."""
ANSWERS = f'{ALL}, route=~".*(predict|infer|explain)"'
PREDICTIONS = f'{ALL}, route=~".*(predict|infer)"'
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
FAST = ((14.4, "1h", "5m"), (6, "6h", "30m"))
SLOW = ((3, "1d", "2h"), (1, "3d", "6h"))
"""How many times too fast a budget burns, and the long and the short window in which it must."""
LEAST_REQUESTS = 20
"""With fewer in the long window a single failure would burn a budget."""
BUDGETS = {"request_errors": 0.001, "requests_slow": 0.01}
"""99.9 % of requests for predictions and explanations get no 5xx; 99 % of predictions are there within 100 ms."""
OLD_DAYS = 45


def rate(metric: str, selector: str, window: str) -> str:
    """Return what a counter gains in a second."""
    return f"sum by (namespace) (rate({metric}{{{selector}}}[{window}]))"


def errors(window: str) -> str:
    """Return the share of requests that the server failed."""
    total = rate("molino_requests_total", ANSWERS, window)
    failed = rate("molino_requests_total", f'{ANSWERS}, status=~"5.."', window)
    return f"({failed} or 0 * {total}) / ({total} > 0)"


def slow(window: str) -> str:
    """Return the share of predictions that took longer than 100 ms."""
    quick = rate("molino_request_duration_seconds_bucket", f'{PREDICTIONS}, le="0.1"', window)
    total = rate("molino_request_duration_seconds_count", PREDICTIONS, window)
    return f"1 - {quick} / ({total} > 0)"


def burns(name: str, objective: str, told: str, speeds: tuple[tuple[float, str, str], ...], severity: str) -> Alert:
    """Return the alert on a budget that burns too fast, at one of two speeds."""
    budget = BUDGETS[objective]
    conditions = []
    for times, long, short in speeds:
        limit = f"{times * budget:.6g}"
        busy = f"sum by (namespace) (increase(molino_requests_total{{{ANSWERS}}}[{long}])) >= {LEAST_REQUESTS}"
        both = f"molino:{objective}:ratio_rate{long} > {limit} and molino:{objective}:ratio_rate{short} > {limit}"
        conditions.append(f"({both} and {busy})")
    value, rest = f"molino:{objective}:ratio_rate{speeds[0][1]}", " or ".join(conditions)
    return Alert(name, value, f"and ({rest})", severity, told, "2m" if severity == "critical" else "15m")


OBJECTIVES = (
    *(Recording(f"molino:request_errors:ratio_rate{window}", errors(window)) for window in WINDOWS),
    *(Recording(f"molino:requests_slow:ratio_rate{window}", slow(window)) for window in WINDOWS),
    burns(
        "MolinoAvailabilityBurnsFast",
        "request_errors",
        "{{ $value | humanizePercentage }} of requests to the serving API fail",
        FAST,
        "critical",
    ),
    burns(
        "MolinoAvailabilityBurnsSlowly",
        "request_errors",
        "{{ $value | humanizePercentage }} of requests to the serving API fail",
        SLOW,
        "warning",
    ),
    burns(
        "MolinoLatencyBurnsFast",
        "requests_slow",
        "{{ $value | humanizePercentage }} of predictions take longer than 100 ms",
        FAST,
        "critical",
    ),
    burns(
        "MolinoLatencyBurnsSlowly",
        "requests_slow",
        "{{ $value | humanizePercentage }} of predictions take longer than 100 ms",
        SLOW,
        "warning",
    ),
)

MODELS = (
    Alert(
        "MolinoServingDown",
        f"(sum by (namespace, job) (up{{{SERVERS}}}) or 0 * absent(up{{{SERVERS}}}))",
        "< 1",
        "critical",
        "No pod of the serving API can be scraped: {{ $labels.job }}",
        "2m",
    ),
    Alert(
        "MolinoModelNotServed",
        f"max by (namespace, model) (molino_model_failed{{{ALL}}})",
        "== 1",
        "critical",
        "The deployed version of {{ $labels.model }} can't be served",
        "5m",
    ),
    Alert(
        "MolinoPointerUnreadable",
        f"max by (namespace) (molino_pointer_failed{{{ALL}}})",
        "== 1",
        "critical",
        "The file that says what is deployed can't be read",
        "5m",
    ),
    Alert(
        "MolinoVersionsDiffer",
        f"count by (namespace, model) (count by (namespace, model, version) (molino_model_workers{{{ALL}}} > 0))",
        "> 1",
        "warning",
        "{{ $value }} versions of {{ $labels.model }} answer side by side",
        "15m",
    ),
    Alert(
        "MolinoModelOld",
        f"(time() - max by (namespace, model) (molino_model_created_timestamp_seconds{{{ALL}}})) / 86400",
        f"> {OLD_DAYS}",
        "warning",
        "{{ $labels.model }} was trained {{ $value | humanize }} days ago",
        "1h",
    ),
    Alert(
        "MolinoFeatureDrifted",
        f"max by (namespace, model, feature) (molino_drift_level{{{ALL}}})",
        "== 2",
        "warning",
        "{{ $labels.feature }} of {{ $labels.model }} is asked with other values than it was trained with",
        "30m",
    ),
    Alert(
        "MolinoCountersLost",
        f"max by (namespace, pod) (molino_counters_lost{{{ALL}}})",
        "> 0",
        "warning",
        "Requests and drift are no longer counted in full",
    ),
)

GROUPS = (Group("molino-serving-objectives", OBJECTIVES), Group("molino-models", MODELS))

SERVING = Dashboard(
    "serving",
    "Serving",
    (
        Panel(
            "Requests per second, by status",
            {"{{status}}": f"sum by (status) (rate(molino_requests_total{{{ANSWERS}}}[{RATE}]))"},
            "reqps",
        ),
        Panel("Predicted rows per second, by model", {
            "{{model}}": f"sum by (model) (rate(molino_predicted_rows_total{{{ALL}}}[{RATE}]))"
        }, "rowsps"),
        Panel("Latency of predictions", {
            name: f"histogram_quantile({share}, sum by (le) "
            f"(rate(molino_request_duration_seconds_bucket{{{PREDICTIONS}}}[{RATE}])))"
            for name, share in {"median": 0.5, "p90": 0.9, "p99": 0.99}.items()
        }, "s"),
        Panel("Requests that fail, of 0.1 % allowed", {
            window: f"molino:request_errors:ratio_rate{window}{{{ALL}}}" for window in ("5m", "1h", "6h", "3d")
        }, "percentunit"),
        Panel("Predictions above 100 ms, of 1 % allowed", {
            window: f"molino:requests_slow:ratio_rate{window}{{{ALL}}}" for window in ("5m", "1h", "6h", "3d")
        }, "percentunit"),
        Panel("Workers by model and version", {
            "{{model}} {{version}}": f"sum by (model, version) (molino_model_workers{{{ALL}}})"
        }),
        Panel("Models that can't be served", {
            "{{model}}": f"max by (model) (molino_model_failed{{{ALL}}})",
            "pointer file": f"max(molino_pointer_failed{{{ALL}}})",
        }),
        Panel("Processor and memory of the workers", {
            "cores": f"sum(rate(process_cpu_seconds_total{{{ALL}, job=\"serving\"}}[{RATE}]))",
            "GiB": f"sum(process_resident_memory_bytes{{{ALL}, job=\"serving\"}}) / 2^30",
        }),
        Panel("Room for counters, and counters lost", {
            "taken": f"max(molino_counters_used_ratio{{{ALL}}})",
            "lost": f"max(molino_counters_lost{{{ALL}}})",
        }),
        Panel("Pods, workers and hours since the start", {
            "pods": f'sum(up{{{SERVERS}}})',
            "workers": f"sum(molino_workers{{{ALL}}})",
            "hours": f"min(molino_uptime_seconds{{{ALL}}}) / 3600",
        }, kind="stat"),
    ),
)  # fmt: skip

QUALITY = Dashboard(
    "model-quality",
    "Model quality",
    (
        Panel("What is served", {"": f"molino_model_info{{{ALL}}}"}, kind="table"),
        Panel("Days since the release was made", {
            "{{model}} {{version}}": "(time() - max by (model, version) "
            f"(molino_model_created_timestamp_seconds{{{ALL}}})) / 86400"
        }, "d"),
        Panel("Metrics on held-out rows, with their 95 % intervals", {
            "{{model}} {{metric}}": f"max by (model, metric) (molino_model_score{{{ALL}}})",
            "{{model}} {{metric}} low": f"min by (model, metric) (molino_model_score_low{{{ALL}}})",
            "{{model}} {{metric}} high": f"max by (model, metric) (molino_model_score_high{{{ALL}}})",
        }),
        Panel("Drift: population stability index, the highest ten", {
            "{{model}} {{feature}} {{window}} s": "topk(10, max by (model, feature, window) "
            f"(molino_drift_psi{{{ALL}}}))"
        }),
        Panel("Drift beyond noise: 1 moderate, 2 much", {
            "{{model}} {{feature}}": f"max by (model, feature) (molino_drift_level{{{ALL}}})"
        }),
        Panel("Rows that drift is told from", {
            "{{model}} {{window}} s": f"max by (model, window) (molino_drift_rows{{{ALL}}})"
        }),
        Panel("Values outside a feature's range, per second", {
            "{{model}} {{feature}}": "topk(10, sum by (model, feature) "
            f"(rate(molino_drift_outside_total{{{ALL}}}[{RATE}])))"
        }),
        Panel("What is asked against what was trained with: share of values per bin", {
            "{{model}} {{feature}} {{bin}}": "topk(20, abs(sum by (model, feature, bin) "
            f"(rate(molino_drift_bin_total{{{ALL}}}[{RATE}])) / on (model, feature) group_left sum by (model, feature) "
            f"(rate(molino_drift_bin_total{{{ALL}}}[{RATE}])) - on (model, feature, bin) "
            f"max by (model, feature, bin) (molino_drift_bin_expected{{{ALL}}})))"
        }, "percentunit"),
    ),
)  # fmt: skip

DASHBOARDS = (SERVING, QUALITY)
