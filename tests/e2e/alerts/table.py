"""The table of alerts in `tests/e2e/results.md`: a row per alert, each replaced when it is made to ring again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from charts.monitoring.__main__ import GROUPS
from charts.monitoring.parts import alerts
from tests.e2e.alerts import stage
from tests.e2e.proof import RESULTS
from tests.e2e.rows import row, write_rows

SECTION = "alerts"
TITLES = ("Alert", "Cause", "Rings after", "Silent after its end", "On")
ORDER = [alert.name for alert in alerts(GROUPS)]


@dataclass(frozen=True)
class Row:
    """What became of one alert."""

    alert: str
    cause: str
    rang: str
    silent: str
    on: date

    @property
    def line(self) -> str:
        """The row as Markdown."""
        return row(self.alert, self.cause, self.rang, self.silent, f"{self.on}")


def write(rows: Iterable[Row], path: Path = RESULTS) -> None:
    """Write rows to the table; those of other alerts stay as they are, but for such as are no more."""
    thresholds = ", ".join(f"{name} {value}" for name, value in stage.THRESHOLDS.items())
    longer = ", ".join(f"{name} after {lasting}" for name, lasting in stage.LONGER.items())
    head = (
        "## Every alert, by its cause\n\n"
        "An installation with its own Prometheus, which scrapes each 15 s. What must last rings after "
        f"{stage.LASTING} here ({longer}; `monitoring.rules.alerts`), and some thresholds are lower: {thresholds}. No "
        "alert may ring before its cause; what ends with it is waited for. `make alerts`"
    )
    write_rows(path, SECTION, head, TITLES, {one.alert: one.line for one in rows}, ORDER)
