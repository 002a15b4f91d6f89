import re
from pathlib import Path

import pytest

from tests.bench.results import RESULTS, write_section

SECTIONS = {
    f"{path.name}: {name}": name
    for path in RESULTS.parent.rglob("*.py")
    if not path.name.startswith("test_")
    for name in re.findall(r'\bwrite_section\("([^"]+)"', path.read_text())
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.md"
    write_section("serving", "## Serving\n\nold", path)
    write_section("pipeline", "## Pipeline\n\nkept", path)
    return path


def test_section_is_replaced(results: Path) -> None:
    write_section("serving", "## Serving\n\nnew", results)
    text = results.read_text()
    assert ("new" in text, "old" in text) == (True, False)


def test_other_section_stays(results: Path) -> None:
    write_section("serving", "## Serving\n\nnew", results)
    assert results.read_text().endswith("<!-- pipeline -->\n## Pipeline\n\nkept\n<!-- end of pipeline -->\n")


def test_same_section_again_changes_nothing(results: Path) -> None:
    before = results.read_text()
    write_section("pipeline", "## Pipeline\n\nkept", results)
    assert results.read_text() == before


@pytest.mark.parametrize("name", SECTIONS.values(), ids=SECTIONS)
def test_a_benchmark_replaces_the_section_that_is_there(name: str) -> None:
    assert f"<!-- {name} -->\n" in RESULTS.read_text()
