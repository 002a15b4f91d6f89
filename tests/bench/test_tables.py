"""Twelve public tables of various kinds go from `molino init` into service without an edit."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from molino.contracts.settings import Settings
from tests.bench.public_tables import public_tables
from tests.bench.tables import BUG, ROOT, Tried, section, try_table

TABLES = (
    "datasets/iris", "HistData/Jevons", "HistData/Macdonell", "KMsurv/channing", "KMsurv/burn", "MASS/Rabbit",
    "MASS/epil", "survival/mgus", "pscl/bioChemists", "Ecdat/Fatality", "plm/Crime", "gap/fsnps",
)  # fmt: skip
"""Few rows and many columns, numbers and words, gaps, names that are no identifiers, constants, both tasks."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the benchmark writes of these tables, with one cheap candidate."""
    path = tmp_path_factory.mktemp("tables") / "results.md"
    command = [sys.executable, "-m", "tests.bench.tables", *TABLES, "--candidates", "linear", "--out", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return path.read_text()


@pytest.mark.embedded
@pytest.mark.parametrize("name", TABLES)
def test_a_public_table_is_served(results: str, name: str) -> None:
    (line,) = re.findall(rf"^\| {re.escape(name)} \|.*$", results, re.MULTILINE)
    assert line.split(" | ")[2] == "deployed"


def test_a_table_that_gives_no_model_ends_in_one_line(tmp_path: Path) -> None:
    (table,) = public_tables(["datasets/iris"])
    few = type(table)(table.name, b"\n".join(table.content.splitlines()[:5]) + b"\n", table.target)
    tried = try_table(few, Settings(home=tmp_path, models=tmp_path / "models"))
    assert not tried.deployed
    assert tried.end.endswith("4 rows have a value; expected at least 20 to learn from")


def test_the_results_tell_lines_and_tracebacks_apart() -> None:
    (table,) = public_tables(["datasets/iris"])
    found = [Tried(table, "version 1", True, 1.0), Tried(table, "no gain", False, 1.0), Tried(table, BUG, False, 1.0)]
    assert "Of 3 tables 1 (33.3%) are deployed, 1 end in a line that says why, and 1 in a traceback." in (
        section(found, "- machine", "linear")
    )
