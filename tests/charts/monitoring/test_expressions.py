"""Every expression on serving and on runs, asked of a real Prometheus that scrapes a real server and real records.

What the others ask can't be had below a cluster: Prometheus must take them, and their metrics be among those that the
programs document.
"""

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_flask_exporter
import pytest
import yaml
from bundles import HOUSING_ROW, PENGUIN_ROWS, build_housing, build_penguins
from monitoring.prometheus import program
from published import module_file
from running_server import KEY, RunningServer, run_server
from test_pipeline_metrics import keep

from charts.monitoring.__main__ import DASHBOARDS, GROUPS, RULES
from charts.monitoring.parts import NAMESPACE, RATE, Alert
from molino.contracts.pointer import write_pointer
from molino.pipeline_metrics import serve
from tests.cluster.recipes import KUBERNETES
from tests.ports import free_port
from training.stores.file import FolderStore

SECONDS = 60
HERE = {"molino-serving-objectives", "molino-models", "molino-pipelines"}
"""Groups of rules on what is scraped here."""
PANELS = {
    f"{board.name}: {panel.title}: {legend}": expr
    for board in DASHBOARDS
    for panel in board.panels
    for legend, expr in panel.queries.items()
}
ELSEWHERE = re.compile(r"\b(?:airflow|certmanager|container|kube|kubelet|minio|mlflow|pg)_\w+")
"""Metrics of other programs."""
ASKED = {
    **{
        rule.name: rule.value if isinstance(rule, Alert) else rule.expr
        for group in GROUPS
        if group.name in HERE
        for rule in group.rules
    },
    **{name: expr for name, expr in PANELS.items() if not ELSEWHERE.search(expr)},
}
"""What must have data while server and records are scraped."""
CERT_MANAGER = "github.com/cert-manager/cert-manager", "v1.18.2"
EXPORTER = "github.com/prometheus-community/postgres_exporter", "v0.17.1"
MINIO = "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c"
DOCUMENTED = {
    "certmanager_": ((*CERT_MANAGER, "pkg/metrics/metrics.go"), "certmanager_certificate_"),
    "container_": (("github.com/google/cadvisor", "v0.53.0", "docs/storage/prometheus.md"), ""),
    "kubelet_": (("k8s.io/kubernetes", f"v{KUBERNETES}", "pkg/kubelet/metrics/metrics.go"), "kubelet_"),
    "minio_": ((*MINIO, "docs/metrics/prometheus/list.md"), ""),
    "pg_database_": ((*EXPORTER, "collector/pg_database.go"), "pg_database_"),
    "pg_settings_": ((*EXPORTER, "CHANGELOG.md"), "pg_settings_"),
    "pg_stat_activity_": ((*EXPORTER, "cmd/postgres_exporter/queries.go"), "pg_stat_activity_"),
    "pg_stat_archiver_": ((*EXPORTER, "cmd/postgres_exporter/postgres_exporter.go"), "pg_stat_archiver_"),
    "pg_up": ((*EXPORTER, "cmd/postgres_exporter/postgres_exporter.go"), "pg_"),
}
"""By how metrics begin: the file that documents or makes them, and what that leaves out of their names."""
STATE_METRICS = (
    "kube_cronjob_created", "kube_cronjob_status_last_successful_time", "kube_deployment_status_replicas_unavailable",
    "kube_pod_container_status_restarts_total",
)  # fmt: skip
"""Of kube-state-metrics 2.17, by its docs/metrics/workload: its module can't be had to look at."""
FOREIGN = {
    **{rule.name: rule.value for group in GROUPS if group.name not in HERE for rule in group.rules},
    **{name: expr for name, expr in PANELS.items() if ELSEWHERE.search(expr)},
}


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/api/v1/"

    def get(self, path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def ask(self, expr: str) -> list[Any]:
        asked = expr.replace("$namespace", NAMESPACE).replace(RATE, "10s")
        return list(self.get("query", query=asked)["result"])

    def alerts(self) -> dict[str, str]:
        """Return the state of each alert that is pending or firing."""
        return {one["labels"]["alertname"]: one["state"] for one in self.get("alerts")["alerts"]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("releases")
    build_housing(home, "1")
    build_penguins(home, "1")
    write_pointer(home, {"housing": "1", "penguins": "1"})
    return home


@pytest.fixture(scope="module")
def server(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_server(home, tmp_path_factory.mktemp("server") / "log", MOLINO_SERVING_WORKERS=1) as running:
        yield running


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port at which the records of six regular runs are told."""
    store = FolderStore(tmp_path_factory.mktemp("store"))
    for hour in range(6):
        keep(store, f"r{hour}", 6, hour)
    listening, thread = serve(store, "127.0.0.1", 0)
    with listening:
        yield int(listening.server_address[1])
        listening.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def prometheus(server: RunningServer, records: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    jobs = {"serving": server.port, "pipeline-metrics": records}
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {
                "job_name": job,
                "authorization": {"credentials": KEY["X-API-KEY"]},
                "static_configs": [
                    {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": NAMESPACE, "pod": f"molino-{job}-0"}}
                ],
            }
            for job, port in jobs.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    options = (f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={folder / 'data'}", "--log.level=error")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program("prometheus"), f"--config.file={folder / 'prometheus.yml'}", *options], stderr=log
        )
    try:
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(30)


def put_questions(server: RunningServer) -> None:
    """Ask both models, one of them for rows unlike those that it was trained with, and once wrongly."""
    rows = [[1e5, *HOUSING_ROW[1:]]] * 100
    for path, body in (
        ("/models/housing/predict", {"data": rows}),
        ("/models/penguins/predict", {"data": PENGUIN_ROWS}),
        ("/models/housing/predict", {"data": [["not a number"]]}),
        ("/models/housing/explain", {"data": rows[:1]}),
    ):
        server.ask("POST", path, json.dumps(body).encode())


@pytest.fixture(scope="module")
def found(server: RunningServer, prometheus: Prometheus) -> dict[str, list[Any]]:
    """Return what each expression gives, once each gives something or the time is up."""
    found: dict[str, list[Any]] = {}
    end = time.monotonic() + SECONDS
    while len(found) < len(ASKED) and time.monotonic() < end:
        put_questions(server)
        try:
            answers = {name: prometheus.ask(expr) for name, expr in ASKED.items() if name not in found}
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError) and error.code == 400:
                raise
            answers = {}  # not up yet
        found |= {name: answer for name, answer in answers.items() if answer}
    return found


@pytest.mark.parametrize("name", ASKED)
def test_an_expression_has_data(name: str, found: dict[str, list[Any]]) -> None:
    assert found.get(name), ASKED[name]


@pytest.mark.usefixtures("found")
def test_every_rule_is_evaluated(prometheus: Prometheus) -> None:
    groups = prometheus.get("rules")["groups"]
    faults = [(rule["name"], rule["lastError"]) for group in groups for rule in group["rules"] if rule.get("lastError")]
    assert faults == []
    assert len(groups) == len(GROUPS)


@pytest.mark.usefixtures("found")
def test_a_real_drift_and_a_real_failure_ring(prometheus: Prometheus, server: RunningServer, home: Path) -> None:
    """They are pending: how long they must last is what promtool tries."""
    server.wait("the alert on drift", lambda: "MolinoFeatureDrifted" in prometheus.alerts())
    assert "MolinoModelNotServed" not in prometheus.alerts()
    write_pointer(home, {"housing": "9", "penguins": "1"})
    server.wait("the alert on the model", lambda: prometheus.alerts().get("MolinoModelNotServed") == "pending")
    write_pointer(home, {"housing": "1", "penguins": "1"})
    server.wait("its end", lambda: "MolinoModelNotServed" not in prometheus.alerts())


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("name", FOREIGN)
def test_prometheus_takes_what_is_asked_of_others(name: str, prometheus: Prometheus) -> None:
    prometheus.ask(FOREIGN[name])


@pytest.mark.parametrize("metric", sorted({name for expr in FOREIGN.values() for name in ELSEWHERE.findall(expr)}))
def test_whatever_is_asked_of_others_is_documented_by_them(metric: str) -> None:
    if metric.startswith("kube_"):
        assert metric in STATE_METRICS
    elif metric.startswith("mlflow_"):
        name = metric.removeprefix("mlflow_").removesuffix("_bucket")
        assert f"'%s{name}' % prefix" in Path(prometheus_flask_exporter.__file__).read_text()
    elif metric.startswith("airflow_"):
        named = [one["name"].replace(".", "_") for one in yaml.safe_load(airflow_metrics().read_text())["metrics"]]
        assert metric.removeprefix("airflow_") in named
    else:
        place, cut = next((place, cut) for program, (place, cut) in DOCUMENTED.items() if metric.startswith(program))
        assert metric.removeprefix(cut) in module_file(*place).read_text()


def airflow_metrics() -> Path:
    """Return Airflow's own list of its metrics, of the Airflow that tests of the DAGs run."""
    if not os.environ.get("MOLINO_TEST_AIRFLOW"):
        pytest.skip("MOLINO_TEST_AIRFLOW names no Python that has Airflow")
    folder = Path(os.environ["MOLINO_TEST_AIRFLOW"]).parents[1]
    (found,) = folder.glob("lib/python3*/site-packages/airflow/_shared/observability/metrics/metrics_template.yaml")
    return found
