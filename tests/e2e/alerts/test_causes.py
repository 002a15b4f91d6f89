"""That each alert of the chart has a cause on the cluster, what is changed of alerts there, what is told of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from charts.monitoring.__main__ import GROUPS
from charts.monitoring.parts import alerts
from tests.e2e.alerts import stage, table, trial
from tests.e2e.alerts.causes import ALL, EXCUSED
from tests.e2e.alerts.contract import Again, Cause, Scene
from tests.e2e.alerts.table import Row
from tests.e2e.alerts.trial import Trial, try_together

CHART = {alert.name: alert for alert in alerts(GROUPS)}


def test_each_alert_rings_once_or_is_excused() -> None:
    rung = [alert for cause in ALL for alert in cause.alerts]
    assert sorted([*rung, *EXCUSED]) == sorted(CHART)


def test_a_cause_has_a_name_of_its_own_and_stays_with_its_alerts() -> None:
    names = [cause.name for cause in ALL]
    assert len(names) == len(set(names))
    assert [cause.name for cause in ALL if not set(cause.stays) <= set(cause.alerts)] == []


def test_thresholds_are_changed_of_alerts_that_have_one_and_to_less() -> None:
    changed = {name: change["threshold"] for name, change in stage.changes().items() if "threshold" in change}
    assert changed == stage.THRESHOLDS
    assert [name for name, value in changed.items() if not 0 < value < float(CHART[name].beyond.split()[1])] == []


def test_what_must_last_lasts_for_seconds() -> None:
    assert {name for name, change in stage.changes().items() if "for" in change} == {
        name for name, alert in CHART.items() if alert.lasting != "0m"
    }


def test_a_row_is_written_in_the_place_of_the_last_one_of_its_alert(tmp_path: Path) -> None:
    file = tmp_path / "results.md"
    late = Row("MolinoRunLate", "none | any", "1 s", "2 s", date(2026, 11, 1))
    table.write([late, Row("MolinoModelOld", "time", "9 s", "stays", date(2026, 11, 1))], file)
    table.write([new := Row("MolinoModelOld", "time", "8 s", "stays", date(2026, 11, 2))], file)
    lines = [line for line in file.read_text().splitlines() if line.startswith("| Molino")]
    assert lines == [new.line, r"| MolinoRunLate | none \| any | 1 s | 2 s | 2026-11-01 |"]


class Bells:
    """Alerts that ring as long as their cause lasts, in place of a Prometheus."""

    def __init__(self) -> None:
        self.now: set[str] = set()
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}

    def cause(self, name: str, *told: str, stays: tuple[str, ...] = (), fails: bool = False) -> Cause:
        @contextmanager
        def brought(_: Scene) -> Iterator[Again | None]:
            if fails:
                raise ValueError("no such pod")
            self.now |= set(told)
            self.began |= dict.fromkeys(told, time.monotonic() + 5)
            yield None
            self.now -= set(told) - set(stays)
            self.ended |= dict.fromkeys(told, time.monotonic() + 7)

        return Cause(name, f"what {name} does", told or ("None",), brought, stays=stays)


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> Bells:
    monkeypatch.setattr(trial, "PAUSE", 0.01)
    monkeypatch.setattr(trial, "SETTLE_LIMIT", 0.05)
    return Bells()


def tried(bells: Bells, *causes: Cause, limit: float = 0.1) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Return the faults, and of each row alert, when it rang and when it was silent."""
    scene: Any = SimpleNamespace()
    rings: Any = bells
    trials = [Trial(cause, scene, rings, limit) for cause in causes]
    faults = try_together(trials)
    return faults, [(row.alert, row.rang, row.silent) for one in trials for row in one.rows()]


def test_alerts_ring_by_their_causes_and_end_with_them(bells: Bells) -> None:
    faults, rows = tried(bells, bells.cause("first", "A", "B", stays=("B",)), bells.cause("second", "C"))
    assert faults == []
    assert rows == [("A", "5 s", "7 s"), ("B", "5 s", "stays"), ("C", "5 s", "7 s")]


def test_one_that_rang_before_is_told(bells: Bells) -> None:
    bells.now = {"A"}
    faults, _ = tried(bells, bells.cause("first", "A"))
    assert faults == ["first: rang before: A"]


def test_one_that_does_not_ring_is_told(bells: Bells) -> None:
    silent = Cause("mute", "nothing", ("Z",), bells.cause("first", "A").brought)
    faults, rows = tried(bells, silent)
    assert [fault.partition(" was not")[0] for fault in faults] == ["mute: ClusterError: Z ringing"]
    assert rows == [("Z", "**not seen**", "**not seen**")]


def test_one_that_cannot_be_brought_about_is_told_and_the_others_go_on(bells: Bells) -> None:
    faults, rows = tried(bells, bells.cause("broken", "A", fails=True), bells.cause("second", "C"))
    assert faults == ["broken: ValueError: no such pod"]
    assert rows[1] == ("C", "5 s", "7 s")
    assert bells.now == set()
