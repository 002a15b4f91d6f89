import json
import tomllib

import pytest
import yaml

from tests.cluster import components
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


def test_proxy_knows_the_pods_network(written: Folders) -> None:
    proxy = yaml.safe_load((written.node / "kube-proxy.yaml").read_text())
    network = json.loads((written.node / "cni" / "10-bridge.conflist").read_text())
    assert network["plugins"][0]["ipam"]["ranges"] == [[{"subnet": proxy["clusterCIDR"]}]]


def test_files_named_on_command_lines_are_written(written: Folders) -> None:
    commands = [word for component in COMPONENTS for word in component(written).command]
    files = [str(word).split("=", 1)[1] for word in commands if str(word).startswith("--") and "file=" in str(word)]
    assert files
    assert [file for file in files if not written.root.joinpath(file).is_file()] == []
