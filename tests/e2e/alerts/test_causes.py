"""That each alert of the chart has a cause on the cluster, and what is changed of alerts there."""

from charts.monitoring.__main__ import GROUPS
from charts.monitoring.parts import alerts
from tests.e2e.alerts import stage
from tests.e2e.alerts.causes import ALL, EXCUSED, LATE

CHART = {alert.name: alert for alert in alerts(GROUPS)}
RUNG = [alert for cause in (*ALL, *LATE) for alert in cause.alerts]


def test_each_alert_rings_once_or_is_excused() -> None:
    assert sorted([*RUNG, *EXCUSED]) == sorted(CHART)


def test_a_cause_has_a_name_of_its_own_and_stays_with_its_alerts() -> None:
    names = [cause.name for cause in (*ALL, *LATE)]
    assert len(names) == len(set(names))
    assert [cause.name for cause in (*ALL, *LATE) if not set(cause.stays) <= set(cause.alerts)] == []


def test_thresholds_are_changed_of_alerts_that_have_one_and_to_less() -> None:
    changed = {name: change["threshold"] for name, change in stage.changes().items() if "threshold" in change}
    assert changed == stage.THRESHOLDS
    assert [name for name, value in changed.items() if not 0 < value < float(CHART[name].beyond.split()[1])] == []


def test_what_must_last_lasts_for_seconds() -> None:
    assert {name for name, change in stage.changes().items() if "for" in change} == {
        name for name, alert in CHART.items() if alert.lasting != "0m"
    }
