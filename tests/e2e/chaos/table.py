"""The table of breaks in `tests/e2e/results.md`: a row per break, each replaced when its break is done again."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tests.bench.machine import describe_machine
from tests.bench.results import write_section
from tests.e2e.chaos.judge import PROMISES

RESULTS = Path(__file__).parents[1] / "results.md"
SECTION = "chaos"
TITLES = ("Break", "Promised", "Happened", "Until well", "Again by", "On")
BROKEN = "**broken**: "


@dataclass(frozen=True)
class Row:
    """What became of one break."""

    name: str
    what: str
    promised: str
    happened: tuple[str, ...]
    faults: tuple[str, ...]
    seconds: float | None
    """From the break to everything well; none where that wasn't seen."""
    command: str
    on: date

    @property
    def line(self) -> str:
        """The row as Markdown."""
        told = "; ".join([*(f"{BROKEN}{fault}" for fault in self.faults), *self.happened])
        well = "not seen" if self.seconds is None else f"{self.seconds:.0f} s"
        cells = (f"{self.name}: {self.what}", self.promised, told, well, f"`{self.command}`", f"{self.on}")
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def write(rows: list[Row], order: tuple[str, ...], path: Path = RESULTS) -> None:
    """Write rows to the table; those of other breaks stay as they are.

    Args:
        rows: Of the breaks that were done.
        order: Names of all breaks.
        path: The file.
    """
    lines = {**_known(path, order), **{row.name: row.line for row in rows}}
    always = ", ".join(PROMISES)
    text = (
        "## What was broken, and what happened\n\n"
        f"Always promised: {always}. Until well: from the break until every pod is ready and the runs that were under "
        "way have ended.\n\n"
        f"{describe_machine()}\n"
        f"| {' | '.join(TITLES)} |\n| {' | '.join(['---'] * len(TITLES))} |\n"
    )
    write_section(SECTION, text + "".join(f"{lines[name]}\n" for name in order if name in lines), path)


def _known(path: Path, order: tuple[str, ...]) -> dict[str, str]:
    """Return the rows that are there, by the name of their break."""
    lines = path.read_text().splitlines() if path.is_file() else []
    rows = {line[2:].partition(":")[0]: line for line in lines if line.startswith("| ")}
    return {name: rows[name] for name in order if name in rows}
