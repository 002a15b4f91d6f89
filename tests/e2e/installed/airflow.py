"""Airflow's REST API, as its users call it."""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.waits import until

ENDED = ("success", "failed")
RUN_LIMIT = 900.0
INTERVAL = 1.0
"""Seconds between two questions: each takes the API server as much time as a small part of a step."""


@dataclass
class Airflow:
    """The API at one address, with one user."""

    url: str
    username: str
    password: str
    _token: str = field(default="", repr=False)

    def call(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Any:
        """Call the API and return its parsed answer.

        Raises:
            urllib.error.HTTPError: It refuses.
        """
        sent = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json", **(headers or {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v2{path}", data=data, headers=sent, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def token(self) -> str:
        """Return the token of the user, who is logged in the first time."""
        if not self._token:
            self._token = self._log_in()
        return self._token

    def _log_in(self) -> str:
        data = json.dumps({"username": self.username, "password": self.password}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/auth/token", data=data, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(json.load(answer)["access_token"])

    def dags(self) -> dict[str, dict[str, Any]]:
        """Return the DAGs by id."""
        return {dag["dag_id"]: dag for dag in self.call("GET", "/dags?limit=100")["dags"]}

    def wait_dags(self, expected: set[str], limit: float = 180.0) -> None:
        """Return once these DAGs are there."""
        wanted = f"the DAGs {sorted(expected)}"
        until(wanted, lambda: expected <= set(self.answer(self.dags) or {}), limit, interval=INTERVAL)

    def parse_seconds(self, dag: str) -> float:
        """Return how long the DAG processor took for the file of a DAG, all its DAGs together."""
        return float(self.call("GET", f"/dags/{dag}/details")["last_parse_duration"])

    def import_errors(self) -> list[dict[str, Any]]:
        """Return what can't be imported."""
        errors: list[dict[str, Any]] = self.call("GET", "/importErrors")["import_errors"]
        return errors

    def trigger(self, dag: str, **parameters: object) -> str:
        """Start a run; return its id."""
        body = {"logical_date": None, "conf": parameters}
        return str(self.call("POST", f"/dags/{dag}/dagRuns", body)["dag_run_id"])

    def pause(self, dag: str, paused: bool = True) -> None:
        """Start no further task of a DAG, those of its runs neither; or start them again."""
        self.call("PATCH", f"/dags/{dag}", {"is_paused": paused})

    def run(self, dag: str, run: str) -> dict[str, Any]:
        """Return one run."""
        found: dict[str, Any] = self.call("GET", f"/dags/{dag}/dagRuns/{quoted(run)}")
        return found

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """Return the runs of a DAG, the newest first."""
        found: list[dict[str, Any]] = self.call("GET", f"/dags/{dag}/dagRuns?order_by=-run_after&limit=100")["dag_runs"]
        return found

    def tasks(self, dag: str, run: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by step."""
        found = self.call("GET", f"/dags/{dag}/dagRuns/{quoted(run)}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def links(self, dag: str, run: str, task: str) -> dict[str, str]:
        """Return the buttons of a task: name to address."""
        found = self.call("GET", f"/dags/{dag}/dagRuns/{quoted(run)}/taskInstances/{task}/links")
        return dict(found["extra_links"])

    def log(self, dag: str, run: str, task: str, attempt: int = 1) -> str:
        """Return a task's log."""
        path = f"/dags/{dag}/dagRuns/{quoted(run)}/taskInstances/{task}/logs/{attempt}?full_content=true"
        content = self.call("GET", path, headers={"Accept": "application/json"})["content"]
        return "\n".join(line if isinstance(line, str) else json.dumps(line) for line in content)

    def summary(self, dag: str, run: str, task: str) -> Any:
        """Return what a task tells of its end."""
        path = f"/dags/{dag}/dagRuns/{quoted(run)}/taskInstances/{task}/xcomEntries/summary"
        return self.call("GET", path)["value"]

    def wait(self, dag: str, run: str, limit: float = RUN_LIMIT) -> dict[str, Any]:
        """Return a run once it has ended."""
        last: dict[str, Any] = {}

        def ended() -> bool:
            last.update(self.answer(lambda: self.run(dag, run)) or {})
            return last.get("state") in ENDED

        until(f"the end of {dag} {run}", ended, limit, interval=INTERVAL)
        return last

    def next_run(self, dag: str, known: set[str], limit: float = 120.0) -> str:
        """Return the id of the run that comes up beside the known ones."""
        found: list[str] = []

        def came() -> bool:
            runs = self.answer(lambda: self.runs(dag)) or []
            found[:] = [run["dag_run_id"] for run in runs if run["dag_run_id"] not in known]
            return bool(found)

        until(f"a new run of {dag}", came, limit, interval=INTERVAL)
        return found[0]

    def run_ids(self, dag: str) -> set[str]:
        """Return the ids of a DAG's runs."""
        return {run["dag_run_id"] for run in self.runs(dag)}

    def asset_events(self, dag: str, run: str) -> list[dict[str, Any]]:
        """Return the asset events that a run has sent."""
        path = f"/assets/events?source_dag_id={dag}&source_run_id={quoted(run)}"
        events: list[dict[str, Any]] = self.call("GET", path)["asset_events"]
        return events

    def wait_answer(self, limit: float = 120.0) -> None:
        """Return once the API answers."""
        until("Airflow's answer", lambda: self.answer(self.dags) is not None, limit)

    def answer(self, ask: Callable[[], Any]) -> Any:
        """Ask, and return None while the API is away: some tests take a part of it down."""
        try:
            return ask()
        except urllib.error.HTTPError as error:
            if error.code == 401:
                self._token = ""
            elif error.code < 500:
                raise
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.5)
        return None


def quoted(text: str) -> str:
    """Return text as a part of a path."""
    return urllib.parse.quote(text, safe="")
