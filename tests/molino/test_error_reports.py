"""Errors that go to Sentry, shown against an endpoint that takes what its client sends."""

import gzip
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from bundles import HOUSING_ROW, build_housing
from graphs import look_up_graph, replace_graph
from running_server import ROOT, run_server

from molino.contracts.pointer import write_pointer
from tests.hosted import hosted
from tests.ports import free_port

KEY = "a-key-that-must-stay-here"
TOLD = "4.0078125"
"""A number of the payload, which no other text has."""


def unpack(body: bytes, coding: str) -> bytes:
    """Undo what Sentry's client does: Brotli where it is installed, gzip else."""
    return gzip.decompress(body) if coding == "gzip" else bytes(importlib.import_module("brotli").decompress(body))


class Sentry:
    """Takes envelopes."""

    def __init__(self, port: int) -> None:
        self.dsn = f"http://public@127.0.0.1:{port}/1"
        self.received: list[bytes] = []

    @property
    def events(self) -> list[Any]:
        """What was reported: each envelope has a head, an item's head and the item."""
        lines = (envelope.splitlines() for envelope in self.received)
        return [json.loads(item) for _, head, item, *_ in lines if json.loads(head)["type"] == "event"]


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    port = free_port()
    sentry = Sentry(port)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sentry.received.append(unpack(body, self.headers["Content-Encoding"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with hosted(ThreadingHTTPServer(("127.0.0.1", port), Handler)):
        yield sentry


def tags_of(event: Any) -> Any:
    return dict(event["tags"])


def test_a_failure_of_the_server_is_reported_without_payload_and_key(sentry: Sentry, tmp_path: Path) -> None:
    build_housing(tmp_path, "1")
    good, bad = ([*HOUSING_ROW[:8], value, *HOUSING_ROW[9:]] for value in (2, 4))
    replace_graph(tmp_path, "housing", "1", look_up_graph(8), example={"data": [good], "predictions": [23.0]})
    write_pointer(tmp_path, {"housing": "1"})
    bad[0] = float(TOLD)
    variables = {"MOLINO_SENTRY_DSN": sentry.dsn, "MOLINO_API_KEYS": KEY, "MOLINO_SERVING_WORKERS": 1}
    variables["HTTP_PROXY"] = "http://127.0.0.1:9"  # nothing there: it is passed by
    headers = {"X-API-KEY": KEY, "Content-Type": "application/json"}
    with run_server(tmp_path, tmp_path / "log", **variables) as server:
        assert server.ask("POST", "/predict", json.dumps({"data": [bad]}).encode(), headers).status == 500
        server.wait("the failure is reported", lambda: bool(sentry.events))

    (event,) = sentry.events
    assert event["message"] == "model failed when run"
    assert tags_of(event).items() >= {"model": "housing", "version": "1"}.items()
    assert not any(secret.encode() in envelope for envelope in sentry.received for secret in (KEY, TOLD, "X-API-KEY"))


def run_step(sentry: Sentry, home: Path, step: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "molino", "step", step, "--model", "housing", "--run-id", "r1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOLINO_")}
    environment |= {"MOLINO_HOME": str(home), "MOLINO_SENTRY_DSN": sentry.dsn, **variables}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_failed_step_is_reported_by_its_run(sentry: Sentry, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_text(f"crim,zn\n{TOLD},1\n")
    done = run_step(sentry, tmp_path, "ingest", MOLINO_SOURCE=str(source), MOLINO_API_KEYS=KEY)

    (event,) = sentry.events
    (told,) = event["exception"]["values"][-1:]
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("molino: ")
    assert (told["type"], told["value"]) == ("SourceError", "")
    assert told["stacktrace"]["frames"][-1]["module"].startswith("training.ingest")
    assert tags_of(event).items() >= {"step": "ingest", "model": "housing", "run_id": "r1"}.items()
    assert not any(secret.encode() in envelope for envelope in sentry.received for secret in (KEY, TOLD, "rows.csv"))


def test_a_step_ends_as_it_would_where_sentry_isnt_there(tmp_path: Path) -> None:
    done = run_step(Sentry(free_port()), tmp_path, "train")

    assert done.returncode == 1
    assert "needs the record of" in done.stderr


def test_a_wrong_address_is_one_line(tmp_path: Path) -> None:
    wrong = Sentry(1)
    wrong.dsn = "sentry.example"
    done = run_step(wrong, tmp_path, "train")

    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert "MOLINO_SENTRY_DSN: expected an address" in done.stderr
