"""Every expression of a rule or panel on serving, asked of a real Prometheus that scrapes a real server."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bundles import HOUSING_ROW, PENGUIN_ROWS, build_housing, build_penguins
from monitoring.prometheus import program
from running_server import KEY, RunningServer, run_server

from charts.monitoring import serving
from charts.monitoring.__main__ import RULES
from charts.monitoring.parts import NAMESPACE, RATE, Alert
from molino.contracts.pointer import write_pointer
from tests.ports import free_port

SECONDS = 60
ASKED = {
    **{
        rule.name: rule.value if isinstance(rule, Alert) else rule.expr
        for group in serving.GROUPS
        for rule in group.rules
    },
    **{
        f"{board.name}: {panel.title}: {legend}": expr
        for board in serving.DASHBOARDS
        for panel in board.panels
        for legend, expr in panel.queries.items()
    },
}
"""What must have data while the server is scraped."""


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
def prometheus(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    targets = [{
        "targets": [f"127.0.0.1:{server.port}"],
        "labels": {"namespace": NAMESPACE, "pod": "molino-serving-0"},
    }]  # fmt: skip
    key = {"credentials": KEY["X-API-KEY"]}
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "serving", "authorization": key, "static_configs": targets}],
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
    assert len(groups) >= len(serving.GROUPS)
