"""The table of alerts in `tests/e2e/results.md`: a row per alert, each replaced when it is made to ring again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from charts.monitoring.__main__ import GROUPS
from charts.monitoring.parts import alerts
from tests.bench.machine import describe_machine
from tests.bench.results import write_section
from tests.e2e.alerts import stage
from tests.e2e.proof import RESULTS

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
        cells = (self.alert, self.cause, self.rang, self.silent, f"{self.on}")
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def write(rows: Iterable[Row], path: Path = RESULTS) -> None:
    """Write rows to the table; those of other alerts stay as they are, but for such as are no more."""
    lines = {**_known(path), **{row.alert: row.line for row in rows}}
    thresholds = ", ".join(f"{name} {value}" for name, value in stage.THRESHOLDS.items())
    longer = ", ".join(f"{name} after {lasting}" for name, lasting in stage.LONGER.items())
    text = (
        "## Every alert, by its cause\n\n"
        "An installation with its own Prometheus, which scrapes each 15 s. What must last rings after "
        f"{stage.LASTING} here ({longer}; `monitoring.rules.alerts`), and some thresholds are lower: {thresholds}. No "
        "alert may ring before its cause; what ends with it is waited for. `make alerts`\n\n"
        f"{describe_machine()}\n"
        f"| {' | '.join(TITLES)} |\n| {' | '.join(['---'] * len(TITLES))} |\n"
    )
    write_section(SECTION, text + "".join(f"{lines[name]}\n" for name in ORDER if name in lines), path)


def _known(path: Path) -> dict[str, str]:
    """Return the rows that are there, by their alert."""
    _, _, section = (path.read_text() if path.is_file() else "").partition(f"<!-- {SECTION} -->")
    lines = [line for line in section.partition(f"<!-- end of {SECTION} -->")[0].splitlines() if line.startswith("| ")]
    rows = {line[2:].partition(" |")[0]: line for line in lines}
    return {name: rows[name] for name in ORDER if name in rows}
