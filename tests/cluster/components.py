"""The node's programs: their configuration files and command lines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from tests.cluster import binaries, machine, network, pki
from tests.cluster.cgroups import NAME as GROUP
from tests.cluster.folders import Folders

NODE = "molino"
PAUSE = "localhost/molino-test/pause:local"
TEMPLATES = Path(__file__).parent / "config"
AGGREGATOR = "aggregator"
"""The API server, where it asks another for an API: the only one that may say who is asking."""
SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "127.0.0.1")


@dataclass(frozen=True)
class Component:
    """A program of the node."""

    name: str
    command: list[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)


def server() -> str:
    """Return the URL of the API server."""
    return f"https://{network.in_url(network.addresses().node)}:6443"


def write_files(folders: Folders) -> None:
    """Write certificates, kubeconfigs and configuration files."""
    ours = network.addresses()
    for folder in (keys(folders), folders.logs, folders.volumes, folders.node / "cni", folders.socket.parent):
        folder.mkdir(parents=True, exist_ok=True)
    authority = pki.Authority.create()
    authority.write(keys(folders))
    authority.issue(keys(folders), "apiserver", "kube-apiserver", hosts=(*SERVER_NAMES, ours.api, ours.node))
    authority.issue(keys(folders), "admin", "admin", group="system:masters")
    authority.issue(keys(folders), "aggregator", AGGREGATOR)
    authority.issue(keys(folders), "node", f"system:node:{NODE}", group="system:nodes", hosts=(NODE, ours.node))
    pki.write_token_keys(keys(folders))
    pki.write_kubeconfig(folders.kubeconfig, keys(folders), "admin", server())
    pki.write_kubeconfig(folders.node / "node.kubeconfig", keys(folders), "node", server())
    for template in TEMPLATES.iterdir():
        (folders.node / template.name).write_text(Template(template.read_text()).substitute(_names(folders)))
    (folders.node / "cni" / "10-bridge.conflist").write_text(json.dumps(_pod_network(folders)))


def keys(folders: Folders) -> Path:
    """Return where certificates and keys are."""
    return folders.node / "pki"


def pod_addresses(folders: Folders) -> Path:
    """Return where the pod network notes which addresses are taken."""
    return folders.node / "cni-addresses"


def _names(folders: Folders) -> dict[str, str]:
    return {
        "node_folder": str(folders.node),
        "content_folder": str(folders.content),
        "socket": str(folders.socket),
        "cni": str(machine.CNI),
        "pause": PAUSE,
        "node": NODE,
        "group": GROUP,
        "dns": network.addresses().dns,
        "pods": network.addresses().pods,
        "kubeconfig": str(folders.kubeconfig),
    }


def _pod_network(folders: Folders) -> dict[str, object]:
    ours = network.addresses()
    taken = {
        "type": "host-local",
        "ranges": [[{"subnet": ours.pods}]],
        "dataDir": str(pod_addresses(folders)),
        "routes": [{"dst": ours.anywhere}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,  # Pods reach this machine, which knows no way to them.
        "hairpinMode": True,
        "ipam": taken,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": NODE, "plugins": [bridge, ports]}


def etcd(folders: Folders) -> Component:
    """Return the database. It need not outlive a power cut, so it doesn't wait for the disk."""
    return Component(
        "etcd",
        [
            "etcd", "--data-dir", folders.node / "etcd", "--unsafe-no-fsync", "--log-level", "warn",
            "--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
            "--listen-peer-urls", "http://127.0.0.1:2380",
        ],
    )  # fmt: skip


def containerd(folders: Folders) -> Component:
    """Return the runtime; it finds its shim on the PATH."""
    program = binaries.program(folders, "containerd")
    return Component(
        "containerd",
        [program, "--config", folders.node / "containerd.toml"],
        {"PATH": f"{program.parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    )


def apiserver(folders: Folders) -> Component:
    """Return the API server; it reaches the kubelet by address, since no name server knows the node."""
    pem = keys(folders)
    return Component(
        "kube-apiserver",
        [
            binaries.program(folders, "kube-apiserver"),
            "--etcd-servers=http://127.0.0.1:2379",
            f"--advertise-address={network.addresses().node}",
            "--secure-port=6443",
            f"--service-cluster-ip-range={network.addresses().services}",
            f"--client-ca-file={pem}/ca.crt",
            f"--tls-cert-file={pem}/apiserver.crt",
            f"--tls-private-key-file={pem}/apiserver.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pem}/tokens.pub",
            f"--service-account-signing-key-file={pem}/tokens.key",
            f"--kubelet-client-certificate={pem}/admin.crt",
            f"--kubelet-client-key={pem}/admin.key",
            f"--kubelet-certificate-authority={pem}/ca.crt",
            "--kubelet-preferred-address-types=InternalIP",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--proxy-client-cert-file={pem}/aggregator.crt",
            f"--proxy-client-key-file={pem}/aggregator.key",
            f"--requestheader-client-ca-file={pem}/ca.crt",
            f"--requestheader-allowed-names={AGGREGATOR}",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        ],
    )


def controllers(folders: Folders) -> Component:
    """Return the controller manager."""
    pem = keys(folders)
    return Component(
        "kube-controller-manager",
        [
            binaries.program(folders, "kube-controller-manager"),
            f"--kubeconfig={folders.kubeconfig}",
            f"--service-account-private-key-file={pem}/tokens.key",
            f"--root-ca-file={pem}/ca.crt",
            f"--cluster-signing-cert-file={pem}/ca.crt",
            f"--cluster-signing-key-file={pem}/ca.key",
            "--use-service-account-credentials",
            f"--flex-volume-plugin-dir={folders.node}/volume-plugins",
            "--leader-elect=false",
        ],
    )


def scheduler(folders: Folders) -> Component:
    """Return the scheduler."""
    program = binaries.program(folders, "kube-scheduler")
    return Component("kube-scheduler", [program, f"--kubeconfig={folders.kubeconfig}", "--leader-elect=false"])


def kubelet(folders: Folders) -> Component:
    """Return the kubelet."""
    return Component(
        "kubelet",
        [
            binaries.program(folders, "kubelet"),
            f"--config={folders.node}/kubelet.yaml",
            f"--kubeconfig={folders.node}/node.kubeconfig",
            f"--hostname-override={NODE}",
            f"--node-ip={network.addresses().node}",
            f"--root-dir={folders.node}/kubelet",
            f"--cert-dir={folders.node}/kubelet-pki",
        ],
    )


def proxy(folders: Folders) -> Component:
    """Return the proxy of Services."""
    return Component(
        "kube-proxy", [binaries.program(folders, "kube-proxy"), f"--config={folders.node}/kube-proxy.yaml"]
    )


def firewall(folders: Folders) -> Component:
    """Return what enforces NetworkPolicies: kube-router's firewall, without its routes and its proxy."""
    ours = network.addresses()
    return Component(
        "kube-router",
        [
            binaries.program(folders, "kube-router"),
            f"--kubeconfig={folders.kubeconfig}",
            f"--hostname-override={NODE}",
            "--run-firewall=true",
            "--run-router=false",
            "--run-service-proxy=false",
            "--run-loadbalancer=false",
            f"--enable-ipv4={str(not ours.is_ipv6).lower()}",
            f"--enable-ipv6={str(ours.is_ipv6).lower()}",
            f"--service-cluster-ip-range={ours.services}",
            "--health-port=0",
            "--metrics-port=0",
        ],
    )
