import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from molino.logs import Bars, configure_logs


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    """Leave other tests their own logging."""
    yield
    structlog.reset_defaults()


def use_terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Make stderr a terminal; in the test itself, since pytest sets its own stderr between set-up and test."""
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def test_without_a_terminal_a_log_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    structlog.get_logger().info("ended", rows=3)
    event = json.loads(capsys.readouterr().err)
    assert (event["event"], event["rows"], event["level"]) == ("ended", 3, "info")


def test_a_traceback_is_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    try:
        raise ValueError("wrong")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: wrong" in json.loads(capsys.readouterr().err)["exception"]


SECRET = "https://user:s3cr3t@example.com/x?token=s3cr3t"
CYCLE: list[Any] = []
CYCLE.append(CYCLE)
ODD: list[tuple[Any, Any]] = [
    (float("nan"), None),
    ({"loss": [float("inf"), 1.5]}, {"loss": [None, 1.5]}),
    (np.float32(1.5), 1.5),
    (np.int64(3), 3),
    ({(1, 2): 3, None: 4, 5: 6}, {"(1, 2)": 3, "None": 4, "5": 6}),
    ({"a"}, ["a"]),
    (Path("a"), f"{type(Path()).__name__}('a')"),
    ("\udcff", "?"),
    ([SECRET], ["https://example.com/x"]),
    ({SECRET: (SECRET,)}, {"https://example.com/x": ["https://example.com/x"]}),
    (ValueError(SECRET), "ValueError('https://example.com/x')"),
]


@pytest.mark.parametrize(("value", "told"), ODD)
def test_a_log_line_is_json_whatever_it_tells(value: Any, told: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    structlog.get_logger().info("ended", value=value, cycle=CYCLE)
    event = json.loads(capsys.readouterr().err, parse_constant=pytest.fail)
    assert event["value"] == told


def test_on_a_terminal_no_line_has_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    configure_logs()
    key = "k" * 8
    try:
        raise ValueError(f"line 1\n{SECRET}, {key[0]}")
    except ValueError as error:
        structlog.get_logger().exception("failed", cause=error, reasons=[SECRET], loss=float("nan"))
    shown = terminal.getvalue()

    assert "ValueError: line 1" in shown
    assert "nan" in shown
    assert "s3cr3t" not in shown
    assert key not in shown  # a variable of the frame


def test_on_a_terminal_a_log_line_is_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    configure_logs()
    structlog.get_logger().info("ended", rows=3)
    assert "ended" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_the_form_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    monkeypatch.setenv("MOLINO_LOG_FORMAT", "json")
    configure_logs()
    structlog.get_logger().info("ended")
    assert json.loads(terminal.getvalue())["event"] == "ended"


OTHERS = """
import logging, warnings
from molino.logs import configure_logs
configure_logs()
logging.getLogger("library").warning("%s\\nhttps://user:secret@example.com", "two lines")
warnings.warn("deprecated")
raise RuntimeError("a bug")
"""


def test_where_json_is_asked_for_nothing_else_is_written() -> None:
    environment = {"MOLINO_LOG_FORMAT": "json", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", OTHERS], capture_output=True, text=True, env=environment, check=False)
    logged, warned, bug = [json.loads(line) for line in done.stderr.splitlines()]
    assert (logged["logger"], logged["event"]) == ("library", "two lines\nhttps://example.com")
    assert "deprecated" in warned["event"]
    assert (bug["event"], bug["error"]) == ("failed", "RuntimeError: a bug")
    assert bug["exception"].startswith("Traceback")


def test_what_a_person_can_act_on_is_a_line_of_json_too() -> None:
    environment = {"MOLINO_LOG_FORMAT": "json", "MOLINO_SENTRY_DSN": "wrong", "PATH": ""}
    command = [sys.executable, "-m", "molino", "step", "ingest", "--model", "nosuch", "--run-id", "r1"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert (done.returncode, line["event"], line["level"]) == (1, "failed", "error")
    assert line["error"].startswith("MOLINO_SENTRY_DSN: ")


def test_an_event_without_progress_is_let_through() -> None:
    assert Bars()(None, "info", {"event": "ended"}) == {"event": "ended"}


def test_an_event_with_progress_becomes_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch)
    bars = Bars()
    with pytest.raises(structlog.DropEvent):
        bars(None, "info", {"event": "reading", "done": 1, "total": 2})
    assert bars.progress is not None
    assert bars.progress.tasks[0].percentage == 50
    bars.progress.stop()


def test_bars_that_are_full_are_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch)
    bars = Bars()
    for done in (1, 2):
        with pytest.raises(structlog.DropEvent):
            bars(None, "info", {"event": "reading", "done": done, "total": 2})
    assert bars.progress is None


WRITERS = """
import os, threading
import structlog
from molino.logs import configure_logs
from serving.http.access_log import AccessLog
from serving.http.exchange import Answer

configure_logs()
os.fork()
access_log, answer = AccessLog(), Answer(200, b"{}", "id-1", model="housing", version="1", rows=3, caller="key-1")

def ask():
    for _ in range(5000):
        access_log.write("POST", "/predict", 0.5, answer)
    access_log.flush()

thread = threading.Thread(target=ask)
thread.start()
for number in range(2000):
    structlog.get_logger().info("following", number=number)
thread.join()
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_lines_of_threads_and_processes_that_share_a_pipe_stay_whole(unbuffered: str) -> None:
    environment = {"PYTHONUNBUFFERED": unbuffered, "PATH": ""}
    command = [sys.executable, "-c", WRITERS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stderr is not None
        events = [json.loads(line)["event"] for line in process.stderr]

    assert (events.count("following"), events.count("request")) == (4000, 10_000)
