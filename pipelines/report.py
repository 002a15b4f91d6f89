"""How a run on this machine is told: bars on a terminal, log events otherwise."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from molino.contracts.steps import Step
from pipelines.local import Reporter

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def reporting() -> Iterator[Reporter]:
    """Give the reporter that fits where stderr goes."""
    if not sys.stderr.isatty():
        yield LogReporter()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("[bold]{task.fields[step]:<9}"),
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        BarColumn(bar_width=12, table_column=Column(width=12)),
        TimeElapsedColumn(table_column=Column(width=7, no_wrap=True)),
    )
    with Progress(*columns, console=Console(stderr=True), expand=True) as progress:
        yield BarReporter(progress)


class LogReporter:
    """One event when a step starts and one when it ends; what the step logs is in its file."""

    def __init__(self) -> None:
        self.log = structlog.get_logger()

    def started(self, step: Step) -> None:
        """Log the start."""
        self.log.info("step started", step=step.name)

    def event(self, step: Step, event: Mapping[str, Any]) -> None:
        """Leave it to the step's own log."""

    def ended(self, step: Step, seconds: float) -> None:
        """Log the end."""
        self.log.info("step ended", step=step.name, seconds=round(seconds, 2))


class BarReporter:
    """One line per step, with its newest event and, where it says how far it is, a bar."""

    def __init__(self, progress: "Progress") -> None:
        self.progress = progress
        self.tasks: dict[str, TaskID] = {}

    def started(self, step: Step) -> None:
        """Add the step's line."""
        self.tasks[step.name] = self.progress.add_task(step.purpose, total=None, step=step.name)

    def event(self, step: Step, event: Mapping[str, Any]) -> None:
        """Show the event's name, and move the bar."""
        task = self.tasks[step.name]
        self.progress.update(task, description=str(event.get("event", step.purpose))[:60])
        if "done" in event and "total" in event:
            self.progress.update(task, completed=float(event["done"]), total=float(event["total"]))

    def ended(self, step: Step, seconds: float) -> None:
        """Close the line; the elapsed time stands still at what the step took."""
        del seconds
        self.progress.update(self.tasks[step.name], description=step.purpose, completed=1, total=1)
