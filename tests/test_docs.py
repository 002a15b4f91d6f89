"""The documentation: its reference is current, no link in it is dead, and every page is reached from another."""

import subprocess
import sys
from pathlib import Path

import pytest

from docs.write_reference import pages
from molino.error_reports import VARIABLE

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_the_reference_is_current(path: Path) -> None:
    assert path.read_text() == pages()[path], "run make schema"


def test_a_setting_is_told_with_its_default_and_its_meaning() -> None:
    text = (ROOT / "docs" / "reference" / "settings.md").read_text()
    assert "| `MOLINO_SERVING_WORKERS` | `2` |" in text
    assert "| `MOLINO_SERVING_KEEPALIVE` | `75` | Seconds that an idle connection is kept" in text


def test_a_secret_is_told_without_its_default() -> None:
    text = (ROOT / "docs" / "reference" / "settings.md").read_text()
    assert "| `MOLINO_API_KEYS` |  |" in text


@pytest.mark.parametrize("variable", ["MOLINO_LOG_FORMAT", VARIABLE])
def test_what_is_read_before_the_settings_is_told(variable: str) -> None:
    assert f"| `{variable}` |" in (ROOT / "docs" / "reference" / "settings.md").read_text()


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reference" / "settings.html").is_file()
