"""The HTTP APIs of Prometheus and Alertmanager."""

import json
import urllib.parse
import urllib.request
from typing import Any

LIMIT = 30


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=LIMIT) as answer:
        return json.load(answer)


class Prometheus:
    """A Prometheus at a port of this machine."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/"

    def _data(self, path: str, **query: str) -> Any:
        return _get(f"{self._url}{path}?{urllib.parse.urlencode(query)}")["data"]

    def ask(self, expr: str) -> list[Any]:
        """Return the series that an expression has now."""
        return list(self._data("query", query=expr)["result"])

    def down(self) -> list[str]:
        """Return the targets that can't be scraped, with the cause."""
        targets = self._data("targets", state="active")["activeTargets"]
        return [
            f"{one['labels']['job']}: {one['lastError'] or one['health']}" for one in targets if one["health"] != "up"
        ]

    def jobs(self) -> list[str]:
        """Return the jobs that have a target."""
        return sorted({one["labels"]["job"] for one in self._data("targets", state="active")["activeTargets"]})

    def faults(self) -> list[str]:
        """Return the rules that can't be evaluated, with the cause."""
        rules = [rule for group in self._data("rules")["groups"] for rule in group["rules"]]
        return [f"{rule['name']}: {rule['lastError']}" for rule in rules if rule.get("lastError")]

    def firing(self) -> set[str]:
        """Return the alerts that ring."""
        return {one["labels"]["alertname"] for one in self._data("alerts")["alerts"] if one["state"] == "firing"}


def notified(port: int) -> set[str]:
    """Return the alerts that an Alertmanager at a port of this machine knows."""
    return {one["labels"]["alertname"] for one in _get(f"http://127.0.0.1:{port}/api/v2/alerts?active=true")}
