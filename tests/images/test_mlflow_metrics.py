"""What Prometheus is told of a server that the MLflow image starts, with several workers."""

import base64
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

IMAGES = Path(__file__).resolve().parents[2] / "images"
SECONDS = 120.0
LOGIN = {"Authorization": "Basic " + base64.b64encode(b"admin:a-password-of-its-own").decode()}
SERVE = """
import os, sys, pathlib, server
home, port = sys.argv[1:]
server.tracking_uri, server.auth_uri = (lambda name=name: f"sqlite:///{home}/{name}.db" for name in ("runs", "users"))
server.AUTH_CONFIG = pathlib.Path(home, "auth.ini")
become = os.execvp
os.execvp = lambda program, words: become(program, [port if word == "5000" else word for word in words])
server.serve()
"""
"""The server as the image has it, but with SQLite and at a port of the test's."""
METRICS = "import server, sys; server.METRICS_PORT = int(sys.argv[1]); server.metrics()"


class Running:
    """A server, and what tells of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.metrics_port = folder, free_port(), free_port()

    def get(self, port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Return status and body; 0 while nobody listens."""
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def search(self) -> None:
        assert self.get(self.port, "/api/2.0/mlflow/experiments/search?max_results=1", LOGIN)[0] == 200

    def told(self) -> str:
        return self.get(self.metrics_port, "/metrics")[1]

    def counted(self) -> float:
        """Return how many requests with a login were answered."""
        found = re.findall(r'^mlflow_http_request_total\{[^}]*status="200"[^}]*\} (\S+)', self.told(), re.MULTILINE)
        return sum(map(float, found))


def started(script: str, folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{IMAGES}:{IMAGES / 'mlflow'}",
        "MOLINO_METRICS": str(folder / "metrics"),
        "MOLINO_WORKERS": "2",
        "MOLINO_ARTIFACTS": str(folder / "artifacts"),
        "MOLINO_ALLOWED_HOSTS": "127.0.0.1:*",
        "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
        "MLFLOW_AUTH_ADMIN_PASSWORD": "a-password-of-its-own",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a-secret-key-that-is-long-enough",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", script, *words], env=environment, stdout=log, stderr=log, start_new_session=True
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("mlflow")
    (folder / "metrics").mkdir()
    (folder / "metrics" / "histogram_1.db").write_bytes(b"of an earlier server")
    found = Running(folder)
    server = started(SERVE, folder, str(folder), str(found.port))
    metrics = started(METRICS, folder, str(found.metrics_port))
    try:
        end = time.monotonic() + SECONDS
        while len(workers(folder)) < 2 or found.get(found.port, "/health")[0] != 200:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.2)
        yield found
        metrics.terminate()
        assert metrics.wait(30) == 0
    finally:
        for one in (server, metrics):
            if one.poll() is None:
                os.killpg(one.pid, signal.SIGTERM)
                one.wait(60)


def workers(folder: Path) -> list[Path]:
    return [one for one in folder.glob("metrics/histogram_*.db") if one.name != "histogram_1.db"]


def test_workers_are_counted_together(running: Running) -> None:
    before = {one: one.read_bytes() for one in workers(running.folder)}
    asked, end = running.counted(), time.monotonic() + SECONDS
    while any(one.read_bytes() == text for one, text in before.items()):
        assert time.monotonic() < end, "one worker gets all requests"
        running.search()
        asked += 1
    assert running.counted() == asked


def test_what_an_earlier_server_counted_is_gone(running: Running) -> None:
    assert not (running.folder / "metrics" / "histogram_1.db").exists()


def test_the_port_that_the_ingress_leads_to_tells_nothing(running: Running) -> None:
    asked = [running.get(running.port, "/metrics", headers)[0] for headers in ({}, LOGIN)]
    assert asked == [401, 404]


def test_what_rules_and_panels_ask_of_mlflow_is_told(running: Running) -> None:
    from charts.monitoring import platform

    asked = set(re.findall(r"\bmlflow_\w+", " ".join(
        [platform.REQUESTS_FAIL, *(expr for panel in platform.PLATFORM.panels for expr in panel.queries.values())]
    )))  # fmt: skip
    running.search()
    assert asked
    assert [name for name in asked if f"\n{name}{{" not in running.told()] == []
