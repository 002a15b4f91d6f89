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
    with pytest.raises(ClusterError, match=r"apt-get install --yes buildah etcd-server iproute2 iptables mmdebstrap"):
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
