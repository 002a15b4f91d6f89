"""What rules and panels ask, and which of it may be without data on the test cluster."""

import re
from dataclasses import dataclass

from charts.monitoring.__main__ import DASHBOARDS, GROUPS
from charts.monitoring.parts import RATE, Alert

WINDOW = "2m"
"""In place of Grafana's window of a rate: some scrapes long."""


@dataclass(frozen=True)
class Empty:
    """Why expressions on some metrics have no data."""

    metrics: str
    """A pattern."""
    why: str


EMPTY = (
    Empty(r"certmanager_", "the test cluster has no cert-manager"),
    Empty(
        r"(container|kubelet)_", "the kubelet's figures want a right in the whole cluster, which the release has not"
    ),
    Empty(r"molino_pipeline_interval_seconds", "an interval is told once runs have begun regularly"),
)


def asked(namespace: str) -> dict[str, str]:
    """Return the expression of each rule and each panel of an installation.

    That of an alert is its value, which has data whether it rings or not.
    """
    rules = {
        rule.name: rule.value if isinstance(rule, Alert) else rule.expr for group in GROUPS for rule in group.rules
    }
    panels = {
        f"{board.name}: {panel.title}: {legend}": expr
        for board in DASHBOARDS
        for panel in board.panels
        for legend, expr in panel.queries.items()
    }
    return {
        name: expr.replace("$namespace", namespace).replace(RATE, WINDOW) for name, expr in {**rules, **panels}.items()
    }


def excuse(expr: str) -> str:
    """Return why an expression may be without data, nothing where it may not."""
    return next((one.why for one in EMPTY if re.search(rf"\b{one.metrics}", expr)), "")
