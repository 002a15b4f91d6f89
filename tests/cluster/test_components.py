import json
import tomllib
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import pytest
import yaml

from tests.cluster import components, network
from tests.cluster.fault import ClusterError
from tests.cluster.folders import Folders

COMPONENTS = (
    components.apiserver, components.controllers, components.scheduler, components.kubelet, components.firewall,
)  # fmt: skip


@pytest.fixture
def written(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> Folders:
    monkeypatch.setattr(Folders, "socket", property(lambda self: self.root / "run" / "containerd.sock"))
    components.write_files(folders)
    return folders


def test_kubelet_asks_the_runtime_that_is_started(written: Folders) -> None:
    kubelet = yaml.safe_load((written.node / "kubelet.yaml").read_text())
    runtime = tomllib.loads((written.node / "containerd.toml").read_text())
    assert kubelet["containerRuntimeEndpoint"] == f"unix://{runtime['grpc']['address']}"


def test_images_outlive_the_node(written: Folders) -> None:
    runtime = tomllib.loads((written.node / "containerd.toml").read_text())
    assert runtime["root"] == str(written.content)


@pytest.mark.parametrize("family", network.FAMILIES)
def test_all_addresses_are_of_one_family(family: str, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(network.FAMILY, family)
    ours = network.addresses()
    networks = [ip_network(one) for one in (ours.nodes, ours.pods, ours.services, ours.anywhere)]
    version = 6 if family == "ipv6" else 4
    assert {one.version for one in networks} == {version}
    assert all(ip_address(one) in networks[0] for one in (ours.machine, ours.node))
    assert all(ip_address(one) in networks[2] for one in (ours.api, ours.dns))
    assert urlsplit(components.server()).hostname == ours.node
    switches = {
        word: word.endswith("=true") for word in map(str, components.firewall(folders).command) if "-ipv" in word
    }
    assert switches == {
        f"--enable-ipv4={str(version == 4).lower()}": version == 4,
        f"--enable-ipv6={str(version == 6).lower()}": version == 6,
    }


def test_an_unknown_family_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(network.FAMILY, "ipx")
    with pytest.raises(ClusterError, match=r"^MOLINO_CLUSTER_FAMILY=ipx: no such family; there are ipv4, ipv6$"):
        network.addresses()


def test_proxy_knows_the_pods_network(written: Folders) -> None:
    proxy = yaml.safe_load((written.node / "kube-proxy.yaml").read_text())
    network = json.loads((written.node / "cni" / "10-bridge.conflist").read_text())
    assert network["plugins"][0]["ipam"]["ranges"] == [[{"subnet": proxy["clusterCIDR"]}]]


def test_files_named_on_command_lines_are_written(written: Folders) -> None:
    commands = [word for component in COMPONENTS for word in component(written).command]
    files = [str(word).split("=", 1)[1] for word in commands if str(word).startswith("--") and "file=" in str(word)]
    assert files
    assert [file for file in files if not written.root.joinpath(file).is_file()] == []
