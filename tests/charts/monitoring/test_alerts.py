"""Each alert by promtool: it rings for its cause, and not for what is well."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from monitoring.cases import CASES, Case, Series
from monitoring.prometheus import program

from charts.monitoring.__main__ import GROUPS, RULES
from charts.monitoring.parts import alerts

SEVERITIES = {alert.name: alert.severity for alert in alerts(GROUPS)}


def look(name: str, what: str, series: Series, at: str, labels: dict[str, str] | None) -> dict[str, Any]:
    """Return one test of promtool: at a time the alert rings with these labels, or not at all."""
    expected = []
    if labels is not None:
        told = {"alertname": name, "alertstate": "firing", "severity": SEVERITIES[name]} | labels
        own = ", ".join(f'{label}="{value}"' for label, value in told.items())
        expected = [{"labels": f"ALERTS{{{own}}}", "value": 1}]
    asked = {"expr": f'ALERTS{{alertname="{name}", alertstate="firing"}}', "eval_time": at, "exp_samples": expected}
    return {
        "name": f"{name}: {what}",
        "interval": "1m",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [asked],
    }


def looks(name: str, case: Case) -> Iterator[dict[str, Any]]:
    yield look(name, "rings", case.rings, case.at, case.labels)
    for what, (series, at) in case.silent.items():
        yield look(name, what, series, at, None)


def needed(name: str) -> str:
    """Return the rules of the chart's file that an alert needs: itself, and the series that it is made of."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    (alert,) = (rule for rule in rules if rule.get("alert") == name)
    series = [rule for rule in rules if rule.get("record", alert["expr"] + " ") in alert["expr"]]
    return yaml.safe_dump({"groups": [{"name": "needed", "rules": [*series, alert]}]})


def ask(name: str, folder: Path, tests: list[dict[str, Any]], every: str = "1m") -> "subprocess.CompletedProcess[str]":
    file, rules = folder / "tests.yml", folder / "rules.yml"
    rules.write_text(needed(name))
    file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": every, "tests": tests}))
    return subprocess.run([program("promtool"), "test", "rules", file], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", CASES)
def test_an_alert_rings_for_its_cause_alone(name: str, tmp_path: Path) -> None:
    alert = name.partition(",")[0]
    done = ask(alert, tmp_path, list(looks(alert, CASES[name])), CASES[name].every)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_alert_that_is_expected_and_does_not_ring_is_told(tmp_path: Path) -> None:
    case = CASES["MolinoCountersLost"]
    ((series, at),) = case.silent.values()
    done = ask(
        "MolinoCountersLost", tmp_path, [look("MolinoCountersLost", "wrongly expected", series, at, case.labels)]
    )
    assert (done.returncode, "exp: " in done.stdout + done.stderr) == (1, True)


def test_every_alert_is_tried() -> None:
    assert {name.partition(",")[0] for name in CASES} == set(SEVERITIES)


def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run([program("promtool"), "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
