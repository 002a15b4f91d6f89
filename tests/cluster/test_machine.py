import shutil
from pathlib import Path

import pytest

from tests.cluster import machine
from tests.cluster.fault import ClusterError


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)


@pytest.mark.usefixtures("bare")
def test_packages_are_named_on_one_line() -> None:
    with pytest.raises(ClusterError, match=r"apt-get install --yes buildah etcd-server iproute2 ipset iptables"):
        machine.require(in_docker=False)


@pytest.mark.usefixtures("bare")
def test_go_is_named() -> None:
    with pytest.raises(ClusterError, match=r"missing: Go 1\.26"):
        machine.require(in_docker=False)


@pytest.mark.usefixtures("bare")
def test_need_of_root_is_told() -> None:
    with pytest.raises(ClusterError, match="needs root"):
        machine.require(in_docker=False)


@pytest.mark.usefixtures("bare")
def test_docker_needs_no_packages() -> None:
    with pytest.raises(ClusterError) as caught:
        machine.require(in_docker=True)
    assert "apt-get" not in str(caught.value)


def a_disk(monkeypatch: pytest.MonkeyPatch, free_gib: float) -> None:
    usage = shutil._ntuple_diskusage(200 * 2**30, 0, int(free_gib * 2**30))  # type: ignore[attr-defined]
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    a_disk(monkeypatch, 5.9)
    with pytest.raises(ClusterError, match=rf"5\.9 GiB are free in {tmp_path}, and 6\.0 are wanted"):
        machine.require_room(tmp_path / "not" / "there")


def test_a_disk_with_room_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    a_disk(monkeypatch, 6.1)
    machine.require_room(tmp_path)
