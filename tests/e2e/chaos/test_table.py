from datetime import date
from pathlib import Path

import pytest

from tests.e2e.chaos.table import Row, write

ORDER = ("scheduler", "node-restart", "minio-away")


def row(name: str, *faults: str, seconds: float | None = 61.4) -> Row:
    return Row(
        name, f"{name} is broken", "all ends well", ("homes: success",), faults, seconds, "make chaos", date(2026, 1, 2)
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "results.md"
    path.write_text("# Results\n\nKept.\n")
    write([row("minio-away"), row("scheduler")], ORDER, path)
    return path


def names(path: Path) -> list[str]:
    return [line[2:].partition(":")[0] for line in path.read_text().splitlines() if line.startswith("| ")][1:]


def test_rows_are_in_the_order_of_the_breaks(table: Path) -> None:
    assert names(table)[1:] == ["scheduler", "minio-away"]


def test_a_row_is_replaced_and_the_others_stay(table: Path) -> None:
    write([row("scheduler", "no false success: it lies"), row("node-restart")], ORDER, table)
    text = table.read_text()
    assert names(table)[1:] == list(ORDER)
    assert "**broken**: no false success: it lies; homes: success | 61 s | `make chaos` | 2026-01-02 |" in text
    assert text.count("is broken") == 3


def test_what_stands_around_the_table_stays(table: Path) -> None:
    write([row("scheduler")], ORDER, table)
    assert table.read_text().startswith("# Results\n\nKept.\n")
    assert table.read_text().count("## ") == 1


def test_a_row_whose_break_is_no_more_goes(table: Path) -> None:
    write([row("node-restart")], ORDER[1:], table)
    assert names(table)[1:] == ["node-restart", "minio-away"]


def test_a_bar_in_what_happened_makes_no_cell(table: Path) -> None:
    write([row("scheduler", "a | b", seconds=None)], ORDER, table)
    assert r"**broken**: a \| b; homes: success | not seen |" in table.read_text()
