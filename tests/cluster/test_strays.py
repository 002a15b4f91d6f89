from pathlib import Path

import pytest

from tests.cluster import strays
from tests.cluster.folders import Folders

MINE, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder in the place of the machine's `/`, with traces of our container and of another's."""
    root = tmp_path / "one" / "two"
    for name in ("SHIMS", "RUNC", "NETWORKS", "DEVICES"):
        monkeypatch.setattr(strays, name, root / name)
        (root / name).mkdir(parents=True)
    for name in (f"molino-{MINE}-eth0", f"cni-loopback-{MINE}-lo", f"other-{OTHER}-eth0", f"cni-loopback-{OTHER}-lo"):
        (root / "NETWORKS" / name).touch()
    return root


def test_container_of_our_network_is_ours(machine: Path, folders: Folders) -> None:
    strays.remove(strays.files(folders))
    assert {path.name for path in (machine / "NETWORKS").iterdir()} == {
        f"other-{OTHER}-eth0",
        f"cni-loopback-{OTHER}-lo",
    }


@pytest.mark.usefixtures("machine")
def test_container_that_still_runs_is_ours(folders: Folders) -> None:
    (folders.node / "containerd" / "io.containerd.runtime.v2.task" / "k8s.io" / OTHER).mkdir(parents=True)
    assert strays.socket(folders, OTHER) in strays.files(folders)


def test_empty_folders_are_removed(machine: Path, folders: Folders) -> None:
    strays.remove(strays.files(folders))
    assert [path.name for path in machine.iterdir()] == ["NETWORKS"]
