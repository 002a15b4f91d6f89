"""Rules, panels and dashboards as data, and how Prometheus and Grafana want them written.

In an expression `$namespace` stands for the namespace of the release: dashboards ask for it, and in the rules it is
`molino`, in whose place the chart puts the one that it is installed in.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

NAMESPACE = "molino"
RUNBOOKS = "docs/runbooks/"
RATE = "$__rate_interval"
"""Grafana's window of a rate: what the panel and the scrapes make sensible."""
WIDTH, HEIGHT, COLUMNS = 12, 8, 2


@dataclass(frozen=True)
class Recording:
    """A series that Prometheus keeps, since alerts and panels ask for it often."""

    name: str
    expr: str

    def rule(self) -> dict[str, Any]:
        """Return it as a rule."""
        return {"record": self.name, "expr": _in_rules(self.expr)}


@dataclass(frozen=True)
class Alert:
    """What somebody is told of: a value, and when it is beyond what is well."""

    name: str
    """Its runbook has the same name."""
    value: str
    """Has data wherever what it watches is scraped, well or not."""
    beyond: str
    """Follows the value, such as `> 0.5`."""
    severity: str
    """`critical` wants somebody now, `warning` in working hours; `info` reminds."""
    summary: str
    lasting: str = "0m"
    """How long it must be so."""

    @property
    def has_threshold(self) -> bool:
        """Whether it rings beyond a number that values may change, with which its rule then ends."""
        return re.fullmatch(r"[<>] [0-9.]+", self.beyond) is not None

    def rule(self) -> dict[str, Any]:
        """Return it as a rule."""
        return {
            "alert": self.name,
            "expr": _in_rules(f"{self.value} {self.beyond}"),
            "for": self.lasting,
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "runbook_url": f"{RUNBOOKS}{self.name}.md"},
        }


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated one after the other."""

    name: str
    rules: Sequence[Recording | Alert]


@dataclass(frozen=True)
class Panel:
    """One picture: expressions by what their lines are called, with Grafana's `{{label}}` in it."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    """Or `stat` and `table`, which show the newest values."""

    def told(self, place: int) -> dict[str, Any]:
        """Return it as Grafana has it, at a place of the dashboard."""
        column, row = place % COLUMNS, place // COLUMNS
        shown: dict[str, Any] = {"instant": True, "format": "table"} if self.kind == "table" else {}
        return {
            "id": place + 1,
            "type": self.kind,
            "title": self.title,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "gridPos": {"h": HEIGHT, "w": WIDTH, "x": column * WIDTH, "y": row * HEIGHT},
            "fieldConfig": {"defaults": {"unit": self.unit}, "overrides": []},
            "targets": [
                {"refId": chr(ord("A") + number), "expr": expr, "legendFormat": legend, **shown}
                for number, (legend, expr) in enumerate(self.queries.items())
            ],
        }


@dataclass(frozen=True)
class Dashboard:
    """Panels under one title."""

    name: str
    title: str
    panels: Sequence[Panel]

    def told(self) -> dict[str, Any]:
        """Return it as Grafana imports it."""
        namespaces = {"query": "label_values(molino_build_info, namespace)", "refId": "namespaces"}
        variables = [
            {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
            {
                "name": "namespace",
                "label": "Namespace",
                "type": "query",
                "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "query": namespaces,
                "refresh": 2,
            },
        ]
        return {
            "uid": f"molino-{self.name}",
            "title": f"Molino / {self.title}",
            "tags": ["molino"],
            "schemaVersion": 39,
            "editable": True,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "templating": {"list": variables},
            "panels": [panel.told(place) for place, panel in enumerate(self.panels)],
        }


def alerts(groups: Sequence[Group]) -> Iterator[Alert]:
    """Yield the alerts among the rules."""
    for group in groups:
        yield from (rule for rule in group.rules if isinstance(rule, Alert))


def _in_rules(expr: str) -> str:
    return expr.replace("$namespace", NAMESPACE)
