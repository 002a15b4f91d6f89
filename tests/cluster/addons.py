"""What is not part of Kubernetes itself: name server, storage class, ingress controller."""

from collections.abc import Mapping
from pathlib import Path
from string import Template

from tests.cluster.kubectl import Kubectl

MANIFESTS = Path(__file__).parent / "manifests"
DEPLOYMENTS: Mapping[str, tuple[str, str]] = {
    "coredns": ("kube-system", "coredns"),
    "storage": ("local-path-storage", "provisioner"),
    "ingress": ("ingress-nginx", "controller"),
    "metrics": ("kube-system", "metrics-server"),
}
"""Manifest → namespace and name of its Deployment."""
NODE_OWN = ("coredns", "storage", "ingress")
"""What every node has."""
METRICS_SERVER = "metrics-server"
"""The fixture that some scenarios want."""
KUBELET_TRUST = {False: "--kubelet-certificate-authority=/authority/ca.crt", True: "--kubelet-insecure-tls"}
"""Whether the node is kind's, whose kubelet has a certificate of its own, to the option that has it taken."""
LIMIT = 180


def install(kubectl: Kubectl, names: tuple[str, ...], values: Mapping[str, str]) -> None:
    """Apply these manifests, and return once their Deployments are there.

    Args:
        kubectl: The way to the cluster.
        names: Keys of `DEPLOYMENTS`.
        values: What the manifests leave open.
    """
    texts = [Template((MANIFESTS / f"{name}.yaml").read_text()).substitute(values) for name in names]
    kubectl.apply("\n---\n".join(texts))
    for namespace, deployment in (DEPLOYMENTS[name] for name in names):
        kubectl("rollout", "status", f"deployment/{deployment}", f"--namespace={namespace}", f"--timeout={LIMIT}s")
