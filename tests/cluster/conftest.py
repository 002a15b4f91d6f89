"""What the cluster's own tests share."""

from pathlib import Path

import pytest

from tests.cluster.folders import Folders


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "cluster")
