import io
import json
import re
import sys
from collections.abc import Iterator

import pytest
import structlog
from rich.console import Console
from rich.progress import Progress

from molino.contracts.steps import STEPS
from molino.logs import configure_logs
from pipelines.report import BarReporter, LogReporter, reporting

TRAIN = next(step for step in STEPS if step.name == "train")


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    """Leave other tests their own logging."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def bars(screen: io.StringIO) -> BarReporter:
    return BarReporter(Progress(console=Console(file=screen, force_terminal=True, width=80)))


def test_without_a_terminal_events_are_logged() -> None:
    with reporting() as reporter:
        assert isinstance(reporter, LogReporter)


def test_a_start_and_an_end_are_events(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    reporter = LogReporter()
    reporter.started(TRAIN)
    reporter.ended(TRAIN, 1.234)
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(event["event"], event.get("seconds")) for event in events] == [
        ("step started", None),
        ("step ended", 1.23),
    ]


def test_an_event_shows_on_the_line_of_its_step(bars: BarReporter) -> None:
    bars.started(TRAIN)
    bars.event(TRAIN, {"event": "training mlp"})
    assert bars.progress.tasks[0].description == "training mlp"


def test_done_and_total_move_the_bar(bars: BarReporter) -> None:
    bars.started(TRAIN)
    bars.event(TRAIN, {"event": "training mlp", "done": 30, "total": 120})
    assert bars.progress.tasks[0].percentage == 25


def test_an_ended_step_has_its_purpose_and_a_full_bar(bars: BarReporter) -> None:
    bars.started(TRAIN)
    bars.event(TRAIN, {"event": "training mlp", "done": 30, "total": 120})
    bars.ended(TRAIN, 5)
    task = bars.progress.tasks[0]
    assert (task.description, task.finished) == (TRAIN.purpose, True)


def test_a_terminal_gets_bars(monkeypatch: pytest.MonkeyPatch, screen: io.StringIO) -> None:
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "80")
    with reporting() as reporter:
        reporter.started(TRAIN)
        reporter.ended(TRAIN, 1)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert re.search(r"✓ train +train every candidate and export it to ONNX +━+ +0:00:0\d", shown)


def test_an_event_with_brackets_shows_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    with reporting() as reporter:
        assert isinstance(reporter, BarReporter)
        reporter.started(TRAIN)
        reporter.event(TRAIN, {"event": "passed over [/x]"})
        shown = io.StringIO()
        Console(file=shown, width=120).print(reporter.progress.get_renderable())
    assert "passed over [/x]" in shown.getvalue()
