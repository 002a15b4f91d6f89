"""What the cluster's own tests share."""

import os
from pathlib import Path

import pytest

from tests.cluster.folders import Folders

# The tests on a real node are `make e2e`'s: they want root and minutes.
collect_ignore = [] if os.environ.get("MOLINO_E2E") == "1" else ["test_node.py"]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "cluster")
