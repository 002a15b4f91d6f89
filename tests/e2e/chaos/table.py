"""The table of breaks in `tests/e2e/results.md`: a row per break, each replaced when its break is done again."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tests.e2e.chaos.judge import PROMISES
from tests.e2e.proof import RESULTS
from tests.e2e.rows import row, write_rows

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
        return row(f"{self.name}: {self.what}", self.promised, told, well, f"`{self.command}`", f"{self.on}")


def write(rows: list[Row], order: tuple[str, ...], path: Path = RESULTS) -> None:
    """Write rows to the table; those of other breaks stay as they are.

    Args:
        rows: Of the breaks that were done.
        order: Names of all breaks.
        path: The file.
    """
    head = (
        "## What was broken, and what happened\n\n"
        f"Always promised: {', '.join(PROMISES)}. Until well: from the break until every pod is ready and the runs "
        "that were under way have ended."
    )
    write_rows(path, SECTION, head, TITLES, {one.name: one.line for one in rows}, order)
