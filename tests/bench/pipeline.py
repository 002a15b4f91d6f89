"""`python -m tests.bench.pipeline`: time and memory of ingest, version and train for 10³, 10⁵ and 5·10⁶ generated rows.

Each step is the command `molino step` in a process of its own; beside ingest, in turns, Polars alone reads the same
CSV and writes it as Parquet. Results go to `tests/bench/results.md`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.bench.machine import describe_machine
from tests.bench.results import RESULTS, write_section

ROOT = Path(__file__).resolve().parents[2]
MODEL = "generated"
STEPS = ("ingest", "version", "train")
"""What is measured, in the order of the pipeline."""
SIZES = (1_000, 100_000, 5_000_000)
POLARS = "Polars alone"


@dataclass(frozen=True)
class Measured:
    """One run of one process."""

    seconds: float
    """Of the work itself, without the start of Python."""
    cpu_seconds: float
    """Of the whole process, both kinds, over all cores."""
    peak_mib: float


@dataclass(frozen=True)
class Line:
    """What one step took for one size, in all rounds."""

    rows: int
    step: str
    rounds: tuple[Measured, ...]

    @property
    def seconds(self) -> float:
        """Median time."""
        return statistics.median(run.seconds for run in self.rounds)

    @property
    def cpu_seconds(self) -> float:
        """Median processor time."""
        return statistics.median(run.cpu_seconds for run in self.rounds)

    @property
    def peak_mib(self) -> float:
        """Highest memory of all rounds."""
        return max(run.peak_mib for run in self.rounds)


def run_measured(command: list[str], environment: dict[str, str]) -> tuple[str, float, float]:
    """Run a program to its end; return its output, its processor seconds and its peak memory in MiB."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        output.seek(0)
        return output.read().decode(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure_polars(folder: Path) -> Measured:
    """Measure reading the CSV and writing Parquet, with nothing in between."""
    csv, parquet = folder / "models" / MODEL / "generated.csv", folder / "polars.parquet"
    command = [sys.executable, "-m", "tests.bench.polars_alone", str(csv), str(parquet)]
    output, cpu, peak = run_measured(command, {})
    return Measured(float(output), cpu, peak)


def measure_step(step: str, folder: Path, run_id: str) -> Measured:
    """Measure one step of a run whose earlier steps have ended."""
    environment = {
        "MOLINO_HOME": str(folder / "home"),
        "MOLINO_MODELS": str(folder / "models"),
        "MOLINO_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "molino", "step", step, "--model", MODEL, "--run-id", run_id]
    _, cpu, peak = run_measured(command, environment)
    record = json.loads((folder / "home" / "store" / "runs" / MODEL / run_id / f"{step}.json").read_text())
    return Measured(_seconds(record), cpu, peak)


def _seconds(record: dict[str, str]) -> float:
    started, ended = (datetime.fromisoformat(record[name]) for name in ("started", "ended"))
    return (ended - started).total_seconds()


def measure(rows: int, rounds: int, folder: Path) -> list[Line]:
    """Measure all steps for one size, round by round."""
    command = [sys.executable, "-m", "tests.bench.generated", str(rows), str(folder / "models")]
    subprocess.run(command, cwd=ROOT, check=True)
    found: dict[str, list[Measured]] = {name: [] for name in (POLARS, *STEPS)}
    for number in range(rounds):
        found[POLARS].append(measure_polars(folder))
        for step in STEPS:
            found[step].append(measure_step(step, folder, f"r{number}"))
    return [Line(rows, name, tuple(runs)) for name, runs in found.items()]


def section(lines: Sequence[Line], machine: str) -> str:
    """Return the results as Markdown."""
    text = [
        "## Pipeline\n",
        f"{machine}",
        "13 columns: ten numbers, an integer, a category, and the target; duplicates are searched for. Medians of the "
        "rounds, highest memory of them all. Seconds are those of the step, without the start of "
        "Python and the imports of its module; processor seconds are those of the whole process.\n",
        "| rows | step | seconds | rows/s | processor s | peak MiB | seconds against Polars alone |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    alone = {line.rows: line.seconds for line in lines if line.step == POLARS}
    for line in lines:
        ratio = f"{line.seconds / alone[line.rows]:.2f}" if line.step == "ingest" else ""
        text.append(
            f"| {line.rows:,} | {line.step} | {line.seconds:.2f} | {line.rows / line.seconds:,.0f} "
            f"| {line.cpu_seconds:.2f} | {line.peak_mib:.0f} | {ratio} |"
        )
    return "\n".join(text) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Measure the steps of the data for several numbers of rows.")
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--folder", type=Path, help="where the rows and the runs go; a temporary folder when not given")
    options = parser.parse_args(arguments)
    machine, lines = describe_machine(), []
    for rows in options.rows:
        folder = Path(tempfile.mkdtemp(prefix="molino-bench-", dir=options.folder))
        try:
            lines += measure(rows, options.rounds, folder)
        finally:
            shutil.rmtree(folder)
    write_section("pipeline", section(lines, machine), options.out)
    print(section(lines, machine))


if __name__ == "__main__":
    main()
