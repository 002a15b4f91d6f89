"""The tests of the chart are a target of their own: they want Helm and more programs, and take minutes."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests here, before those of a mark are left out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("chart")
